// The login: a dialog that exchanges a key for a session's cookie, wherever the server first asks for one.
import "./login.css";
import { element } from "./element";

let asked: Promise<void> | undefined;

// login resolves when the server has taken a key. Whoever asks meanwhile waits for the same dialog.
export const login = (): Promise<void> => (asked ??= ask().finally(() => (asked = undefined)));

function ask(): Promise<void> {
  const key = element("input", { type: "password", name: "key", autocomplete: "current-password", required: true, autofocus: true });
  const wrong = element("p", { className: "wrong", role: "alert" });
  const form = element(
    "form", {}, element("h1", {}, "Log in to closer"), element("label", {}, "Your key", key), wrong, element("button", { type: "submit" }, "Log in"),
  );
  const dialog = element("dialog", { className: "login" }, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // there is nothing to see behind it
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      wrong.textContent = await send(key.value);
      if (wrong.textContent) return key.select();
      dialog.remove();
      resolve();
    });
  });
}

// send returns what is wrong, "" for nothing.
async function send(key: string): Promise<string> {
  try {
    const response = await fetch("/api/v1/session", {
      method: "POST", body: JSON.stringify({ key }), headers: { "Content-Type": "application/json" },
    });
    if (response.ok) return "";
    return response.status === 401 ? "The server does not know this key." : ((await response.json()).detail ?? response.statusText);
  } catch {
    return "The server does not answer.";
  }
}
