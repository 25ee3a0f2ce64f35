// The dialog that asks before something is ordered, and for a key that may order it.
import { h, setText } from "./dom.js";
import { isKey, Refused, setOperateKey } from "./service.js";

/** Asks before it is done. What is refused is told in the dialog. */
export function confirm({ title, text, extra = [], action, danger = false, run, done }) {
    const complaint = h("p", { class: "bad", role: "alert" });
    const keyInput = h("input", { id: "operate-key", type: "password", autocomplete: "off" });
    const keyPart = h("div", { class: "field", hidden: true },
        h("label", { for: "operate-key" }, "A key that may operate"), keyInput);
    const go = h("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
    const cancel = h("button", { type: "button", click: () => dialog.close() }, "Cancel");
    const before = document.activeElement;
    const dialog = h("dialog", {
        "aria-labelledby": "dialog-title",
        close: () => { dialog.remove(); if (before?.isConnected) before.focus(); },
    }, h("form", {
        submit: async (event) => {
            event.preventDefault();
            if (keyInput.value) {
                if (!isKey(keyInput.value.trim())) return setText(complaint, "A key has no blanks and no letters outside ASCII.");
                setOperateKey(keyInput.value.trim());
            }
            go.disabled = true;
            setText(complaint, "");
            try {
                const answer = await run();
                dialog.close();
                done(answer);
            } catch (error) {
                const needsKey = error instanceof Refused && ["operate-key-needed", "unauthorized"].includes(error.code);
                if (needsKey) {
                    setOperateKey(null);
                    keyPart.hidden = false;
                    keyInput.focus();
                }
                setText(complaint, needsKey
                    ? (error.status === 401 ? "The service does not know this key." : "This key may not order this: show one that may operate.")
                    : error instanceof Refused ? error.message : "The service cannot be reached; nothing is known of what it did. Try again.");
                go.disabled = false;
            }
        },
    }, h("h2", { id: "dialog-title" }, title), h("p", {}, ...text), ...extra, keyPart, complaint,
    h("div", { class: "actions" }, cancel, go)));
    document.body.append(dialog);
    dialog.showModal();
}
