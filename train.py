#!/usr/bin/env python3
"""Train the generator (sketch -> photo) or the classifier (sketch -> category).

python train.py gan        --data datasets/studio --out runs/studio [--preset studio]
python train.py classifier --data datasets/drawings datasets/studio --out runs/classifier
"""

import sys

from sketch2photo.errors import exit_on_user_error


def main(arguments: list[str]) -> None:
    """Train as the arguments ask. User errors are one sentence and exit code 2."""
    with exit_on_user_error("train.py"):
        from sketch2photo.training import command as cli

        command = cli.parse(arguments)

        from sketch2photo import process

        process.prepare(training=True)

        from sketch2photo.training import loop

        if isinstance(command, cli.GanCommand):
            from sketch2photo.training.gan_task import GanTask

            task: loop.Task = GanTask(command.config, list(command.data))
        else:
            from sketch2photo.training.classifier_task import ClassifierTask

            task = ClassifierTask(command.config, list(command.data))
        print(cli.describe(command), flush=True)
        loop.train(task, command.out, init=command.init, resume=command.resume, allow_change=command.allow_change)


if __name__ == "__main__":
    main(sys.argv[1:])
