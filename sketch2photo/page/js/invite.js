// How others come to this page: its link, and a QR code for a phone held up to the screen.

/** @typedef {{link: string | null, qr: string | null}} Invitation */

/**
 * Shows the button only where there is a link that others can use: not on a page that this machine alone can see.
 * @param {(name: string) => any} find
 * @param {{share?: (request: {address: string}) => Promise<Invitation>}} server
 */
export async function inviting(find, server) {
  const button = find("invite");
  button.hidden = true;
  if (!server.share) return;
  /** @type {Invitation} */
  let invitation;
  try {
    // Without the fragment, in which a shared drawing may be.
    invitation = await server.share({ address: location.origin + location.pathname });
  } catch {
    return;
  }
  const { link, qr } = invitation;
  if (!link || !qr) return;
  const code = find("invite-code");
  code.src = `data:image/svg+xml,${encodeURIComponent(qr.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))}`;
  find("invite-link").href = link;
  find("invite-link").textContent = link;
  button.hidden = false;
  button.addEventListener("click", () => find("invitation").showModal());
}
