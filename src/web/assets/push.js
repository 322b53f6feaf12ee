// Waits where somebody signs in for what the other device says; without JavaScript the page loads itself anew instead.

const EVERY = 2000;
const { push, pushPage, pushState } = document.querySelector("[data-push]").dataset;

async function follow() {
  try {
    const response = await fetch(push, { headers: { accept: "application/json" }, cache: "no-store" });
    const { state } = await response.json();
    if (!response.ok || state !== pushState) return location.replace(pushPage);
  } catch {
    // The network may come back.
  }
  setTimeout(follow, EVERY);
}

setTimeout(follow, EVERY);
