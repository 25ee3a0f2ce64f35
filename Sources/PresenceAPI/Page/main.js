// The page: asks for a key where one is needed, and shows what the address names.
import { card, h, setClass, setText, time } from "./dom.js";
import { OverviewPage } from "./overview.js";
import { hasKey, isKey, setKey } from "./service.js";
import { UserPage } from "./user.js";

const main = document.querySelector("#main");
const connection = document.querySelector("#connection");
const forget = document.querySelector("#forget");
const search = document.querySelector("#search");
const searchUser = document.querySelector("#search-user");

const stateWords = {
    connecting: "Connecting …", live: "Live", broken: "Reconnecting …", paused: "Paused while hidden", locked: "Key needed",
};
let page = null;

function showState(state) {
    // What is on its way back stays so until it is there.
    if (state === "connecting" && connection.dataset.state === "broken") return;
    connection.dataset.state = state;
    setText(connection, stateWords[state]);
    setClass(connection, `connection ${state}`);
    setClass(main, state === "broken" ? "stale" : "");
    forget.hidden = !hasKey();
}

function userOf(hash) {
    if (!hash.startsWith("#/users/")) return null;
    try { return decodeURIComponent(hash.slice("#/users/".length)); } catch { return null; }
}

const handlers = {
    onState: showState,
    onRefused: (refusal) => {
        if (refusal.needsKey) askForKey(refusal);
        else show(h("p", { class: "card bad", role: "alert" }, refusal.message), "Refused");
    },
    onLook: ({ at }) => { connection.title = at === undefined ? "" : `as of ${time(at)}`; },
};

function show(element, title) {
    page?.close?.();
    page = null;
    main.replaceChildren(element);
    document.title = title ? `${title} · Presence` : "Presence";
}

function route({ isMove = false } = {}) {
    const user = userOf(location.hash);
    page?.close?.();
    connection.dataset.state = "";
    page = user ? new UserPage(user, handlers) : new OverviewPage(handlers);
    main.replaceChildren(page.element);
    document.title = `${page.title} · Presence`;
    if (!isMove) return;
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
}

function askForKey(refusal) {
    const shown = hasKey();
    setKey(null);
    const complaint = h("p", { class: "bad", role: "alert", id: "key-complaint" },
        !shown ? "" : refusal?.status === 403 ? "This key is known, but may not read. Take another one." : "The service does not know this key.");
    const input = h("input", {
        id: "key", type: "password", autocomplete: "off", required: true, "aria-describedby": "key-complaint key-note",
    });
    const form = h("form", {
        submit: (event) => {
            event.preventDefault();
            const value = input.value.trim();
            if (!isKey(value)) return setText(complaint, "A key has no blanks and no letters outside ASCII.");
            setKey(value);
            route();
        },
    }, h("label", { for: "key" }, "API key"), input, complaint, h("button", { type: "submit", class: "primary" }, "Open"));
    show(card("Key needed", { class: "key", level: 1 },
        h("p", { id: "key-note" }, "Show a key of the service that may read. It stays in the memory of this page and is gone when the page is reloaded."),
        form), "Key needed");
    showState("locked");
    input.focus();
}

forget.addEventListener("click", () => {
    setKey(null);
    askForKey(null);
});
search.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!searchUser.value) return;
    const hash = `#/users/${encodeURIComponent(searchUser.value)}`;
    searchUser.value = "";
    location.hash = hash;
});
document.querySelector("#skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
});
addEventListener("hashchange", () => {
    if (connection.dataset.state !== "locked") route({ isMove: true });
});
route();
