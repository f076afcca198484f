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

        from sketch2photo import runtime

        runtime.prepare(training=True)

        from sketch2photo.training import distributed, loop

        with distributed.join(command.devices) as together:
            layout = distributed.lay_out(command.devices.mesh, command.config.batch_size, together.say)
            if isinstance(command, cli.GanCommand):
                from sketch2photo.training.gan_task import GanTask

                task: loop.Task = GanTask(command.config, list(command.data), together.say)
            else:
                from sketch2photo.training.classifier_task import ClassifierTask

                task = ClassifierTask(command.config, list(command.data), together.say)
            together.say(cli.describe(command))
            start = {"init": command.init, "resume": command.resume, "allow_change": command.allow_change}
            loop.train(task, command.out, **start, layout=layout, hosts=together)


if __name__ == "__main__":
    main(sys.argv[1:])
