// The outbox follows what is sent: new messages appear on top, those that are there stay as they are.

const EVERY = 1500;
let seen = null;

async function look() {
  const response = await fetch("/outbox.json", { headers: { accept: "application/json" }, cache: "no-store" });
  if (!response.ok) return;
  const { messages } = await response.json();
  const newest = messages.map((message) => message.id).join(" ");
  if (newest === seen) return;
  if (seen !== null || newest !== shown()) await renew();
  seen = newest;
}

function shown() {
  return [...document.querySelectorAll("[data-message-id]")].map((message) => message.dataset.messageId).join(" ");
}

// The server renders: this takes its list over, with what was unfolded left unfolded.
async function renew() {
  const response = await fetch("/outbox", { cache: "no-store" });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const list = page.getElementById("messages");
  if (!list) return;
  for (const open of document.querySelectorAll("[data-message-id] details[open]")) {
    const id = open.closest("[data-message-id]").dataset.messageId;
    list.querySelector(`[data-message-id="${CSS.escape(id)}"] details`)?.setAttribute("open", "");
  }
  document.getElementById("messages").replaceChildren(...list.childNodes);
}

async function follow() {
  if (document.visibilityState === "visible") await look().catch(() => {});
  setTimeout(follow, EVERY);
}

document.addEventListener("visibilitychange", () => look().catch(() => {}));
follow();
