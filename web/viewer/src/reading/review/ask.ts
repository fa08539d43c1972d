// A dialog that asks for a reason and sends what the reader decided.
import { messageOf } from "../../api";
import { element } from "../../element";

const reasons = ["motion", "residual aliasing", "too smooth", "invented structure", "lost detail", "noise", "contrast"]; // to choose from, or to type over

// ask resolves with whether send took the reason. What goes wrong is said in the dialog, which stays then.
export function ask(title: string, action: string, required: boolean, send: (reason: string) => Promise<unknown>, ...above: Node[]): Promise<boolean> {
  const reason = element("input", { required, maxLength: 1000, autocomplete: "off", autofocus: true });
  reason.setAttribute("list", "reasons");
  const options = element("datalist", { id: "reasons" }, ...reasons.map((value) => element("option", { value })));
  const wrong = element("p", { className: "wrong", role: "alert" });
  const cancel = element("button", { type: "button" }, "Cancel");
  const form = element(
    "form", {}, element("h2", {}, title), ...above, element("label", {}, required ? "Reason" : "Reason, if there is one", reason), options, wrong,
    element("p", { className: "row" }, cancel, element("button", { type: "submit" }, action)),
  );
  const dialog = element("dialog", { className: "ask", ariaLabel: title }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    let sent = false;
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(sent);
    });
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await send(reason.value.trim());
        sent = true;
        dialog.close();
      } catch (problem) {
        wrong.textContent = messageOf(problem);
      }
    });
  });
}
