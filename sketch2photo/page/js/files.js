// The ways out of the browser: a file, the clipboard, another program on the phone.

/** Hand a file to the person. @param {Blob} file @param {string} name */
export function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // Some browsers read it only after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 30000);
}

/**
 * A picture into the clipboard. The promise goes in, not the picture: Safari wants the call within the click.
 * Rejects where the browser has no clipboard, as it hides it on pages that are neither https nor of this machine.
 * @param {Promise<Blob>} picture PNG
 */
export async function copyPicture(picture) {
  // Should the call below throw first, this is nobody's error.
  picture.catch(() => {});
  await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
}

/** A text into the clipboard, the old way where there is no other. @param {string} text @param {HTMLElement} near an open dialog keeps the focus within */
export async function copyText(text, near) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.position = "fixed";
    field.style.opacity = "0";
    near.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("the browser does not let pages copy");
  }
}

/** Whether files can be handed to other programs, as on phones. @param {File[]} files */
export const canSend = (files) => Boolean(navigator.canShare?.({ files }));

/** Resolves also if the person changes their mind. @param {File[]} files @param {string} text */
export async function send(files, text) {
  try {
    await navigator.share({ files, text });
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "AbortError") throw error;
  }
}
