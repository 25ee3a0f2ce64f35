// One user: why they are in this state, and what became of each change.
import { changeOf } from "./changes.js";
import { confirm } from "./dialog.js";
import { agoElement, card, h, id, number, passTime, setText, status, timeElement } from "./dom.js";
import { get, post, Refused, Stream, userPath } from "./service.js";
import { device, deviceText, ended, facts, shard, timeline, timer } from "./story.js";

const soonMs = 300;
const waitingMs = 2_000;
const idleMs = 15_000;

export class UserPage {
    #user;
    #handlers;
    #stream = null;
    #timer = null;
    #reading = null;
    #isClosed = false;
    /** Something changed since the story was asked for. */
    #isStale = false;
    #story = null;
    #body = h("div", { class: "story" }, h("p", { class: "card" }, "Reading what Redis has about this user …"));
    #result = h("p", { class: "result", role: "status" });
    #head = h("p");
    #clock = null;
    /** What the clock of Redis is ahead of this one. */
    #aheadMs = 0;
    #onVisible = () => { if (!document.hidden) this.#read(); };

    /** - handlers: `onState(state)`, `onRefused(refusal)`. */
    constructor(user, handlers) {
        this.#user = user;
        this.#handlers = handlers;
        this.title = user;
        this.element = h("div", { class: "user-page" },
            h("p", { class: "back" }, h("a", { href: "#/" }, "Overview")),
            h("div", { class: "user-head" }, h("h1", {}, id(user)), this.#head), this.#result, this.#body);
        if (userPath(user) === null) {
            this.#body.replaceChildren(h("p", { class: "card" },
                "No browser can ask for this user, whose id it takes for a part of the path: use presence inspect."));
            handlers.onState("live");
            return;
        }
        document.addEventListener("visibilitychange", this.#onVisible);
        this.#clock = setInterval(() => {
            if (!document.hidden) passTime(this.element, Date.now() + this.#aheadMs);
        }, 1_000);
        this.#read();
        this.#stream = new Stream(`v1/events?users=${encodeURIComponent(user)}`, {
            onState: handlers.onState,
            // Without the stream the story is read now and then.
            onRefused: (refusal) => (refusal.needsKey ? handlers.onRefused(refusal) : handlers.onState("live")),
            onEvent: (name, data) => { if (changeOf(name, data)) this.#changed(); },
        });
    }

    close() {
        this.#isClosed = true;
        clearTimeout(this.#timer);
        clearInterval(this.#clock);
        this.#stream?.close();
        document.removeEventListener("visibilitychange", this.#onVisible);
    }

    #readIn(ms) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#read(), ms);
    }

    #changed() {
        this.#isStale = true;
        this.#readIn(soonMs);
    }

    async #read() {
        if (this.#isClosed || document.hidden || this.#reading) return;
        this.#isStale = false;
        this.#reading = get(userPath(this.#user, "/story"));
        try {
            this.#show(await this.#reading);
        } catch (error) {
            if (this.#isClosed) return;
            if (error instanceof Refused && error.needsKey) return this.#handlers.onRefused(error);
            if (error instanceof Refused && error.isFinal) return this.#complain(error.message);
            if (!this.#story) this.#complain("The service cannot tell right now; it is asked again.");
        } finally {
            this.#reading = null;
        }
        const isOpen = this.#story?.changes.some(({ event }) => ["waiting", "aside"].includes(event.state));
        if (!this.#isClosed) this.#readIn(this.#isStale ? soonMs : isOpen || !this.#story ? waitingMs : idleMs);
    }

    #complain(text) {
        this.#body.replaceChildren(h("p", { class: "card bad" }, text));
    }

    /** Nothing that is open or has the focus is replaced where nothing changed. */
    #show(story) {
        const before = this.#story;
        this.#story = story;
        this.#aheadMs = story.at - Date.now();
        const isSame = before && JSON.stringify({ ...before, at: 0, shard: 0 }) === JSON.stringify({ ...story, at: 0, shard: 0 });
        if (isSame || this.#isClosed) return;
        const focused = this.element.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
        const open = [...this.#body.querySelectorAll("details[open]")].map((details) => details.dataset.focus);
        this.#head.replaceChildren(...this.#headParts(story));
        this.#body.replaceChildren(...this.#parts(story));
        for (const details of this.#body.querySelectorAll("details")) details.open = open.includes(details.dataset.focus);
        if (focused) this.element.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
    }

    #headParts(story) {
        const dead = story.changes.filter(({ event }) => event.state === "dead").length;
        return [
            status(story.status),
            story.isKnown && story.changedAt
                ? h("span", { class: "muted" }, "last change ", agoElement(story.changedAt, story.at))
                : h("span", { class: "muted" }, story.isKnown ? "" : "not on record"),
            h("span", { class: "actions" },
                story.sessions.length ? h("button", {
                    type: "button", class: "danger", "data-focus": "kick-all", click: () => this.#kick(story.sessions),
                }, "Kick …") : null,
                dead ? h("button", {
                    type: "button", "data-focus": "replay", click: () => this.#replay(dead),
                }, `Replay ${number(dead)} dead ${dead === 1 ? "letter" : "letters"} …`) : null),
        ];
    }

    #parts(story) {
        return [
            card("Why", { class: "why" }, ...story.why.map((text) => h("p", {}, text))),
            h("div", { class: "columns main" },
                card("Timeline", { scope: story.changesAreAllKept ? "the latest first" : "the latest changes that are kept" }, timeline(story)),
                h("div", { class: "stack" },
                    card("Sessions", {}, this.#sessions(story)),
                    story.ended.length ? card("Sessions that are over", {}, ended(story)) : null,
                    card("Shard and rules", {}, shard(story)),
                    card("The same with redis-cli", {}, h("details", { "data-focus": "commands" },
                        h("summary", {}, `${number(story.commands.length)} commands`),
                        h("pre", { tabindex: "0" }, story.commands.join("\n")))))),
        ];
    }

    #sessions({ sessions, at }) {
        if (!sessions.length) return h("p", { class: "muted" }, "None.");
        return h("ul", { class: "sessions" }, ...sessions.map((session) => h("li", {},
            h("div", { class: "session-head" }, h("h3", {}, device(session)), status(session.status),
                h("button", {
                    type: "button", class: "small", "data-focus": `kick ${session.session}`,
                    "aria-label": `Kick ${deviceText(session)} …`, click: () => this.#kick([session]),
                }, "Kick …")),
            facts([
                ["Logged in", agoElement(session.loginAt, at)],
                ["In this status since", timeElement(session.since, at)],
                ["Timer", timer(session.timer, at)],
                ["Client", [session.address, session.network, session.version && `version ${session.version}`].filter(Boolean).join(", ")],
                ["Worker", session.worker],
            ]))));
    }

    #kick(sessions) {
        const isOne = sessions.length === 1;
        const reason = h("input", { id: "kick-reason", maxlength: "200", autocomplete: "off" });
        const which = isOne ? deviceText(sessions[0]) : `${number(sessions.length)} sessions`;
        confirm({
            title: isOne ? `Kick ${which}?` : `Kick all ${which}?`,
            text: ["Ends ", which, " of ", id(this.#user), ". The backend is told, and the log says who ordered it."],
            extra: [h("label", { for: "kick-reason" }, "Reason, for log and backend (optional)"), reason],
            action: "Kick",
            danger: true,
            run: () => post(userPath(this.#user, "/kick"), {
                ...isOne ? { platform: sessions[0].platform, instance: sessions[0].instance } : {},
                ...reason.value ? { reason: reason.value } : {},
            }),
            done: ({ kicked }) => {
                setText(this.#result, kicked.length === 1 ? "1 session was ended." : `${number(kicked.length)} sessions were ended.`);
                this.#readIn(0);
            },
        });
    }

    #replay(count) {
        confirm({
            title: "Replay dead letters?",
            text: [`Delivers ${number(count)} dead ${count === 1 ? "letter" : "letters"} of `, id(this.#user),
                " once more, in their order. Do it when the receiver takes what it refused. The log says who ordered it."],
            action: "Replay",
            run: () => post(userPath(this.#user, "/replay")),
            done: ({ replayed, left }) => {
                setText(this.#result, `${number(replayed)} ${replayed === 1 ? "is" : "are"} delivered once more${left ? `; ${number(left)} are left` : ""}.`);
                this.#readIn(soonMs);
            },
        });
    }
}
