// The changes as they happen: the latest few of every second, and how many more there were.
import { card, h, id, number, setText, table, timeElement, userLink } from "./dom.js";
import { Stream } from "./service.js";

const rowsMax = 60;
const reasons = ["Register", "Unregister", "LinkClose", "TimeOut", "Kicked", "Expired"];

export class Changes {
    #table = table("Live changes, the latest first", [
        ["Time", "when"], ["User", "who"], ["Change", "what"], ["Platform", "where"], ["Status", "to"], ["Receiver", "told"],
    ], { class: "live" });
    #platform = select("platform", "Platform", []);
    #reason = select("reason", "Reason", reasons);
    #user = h("input", { id: "filter-user", type: "search", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
    #pause = h("button", { type: "button", "aria-pressed": "false", click: () => this.#togglePause() }, "Pause");
    #note = h("p", { class: "fact" }, "Nothing has changed since this page was opened.");
    #rows = new Map();
    #isPaused = false;
    #missed = 0;
    #total = 0;
    #own = null;
    #onRefused;
    /** Somebody is told of changes. */
    hasReceiver = true;

    /** - onFilter: the stream of all changes is to be opened anew, with another query. */
    constructor(onFilter, onRefused) {
        this.#onRefused = onRefused;
        for (const filter of [this.#platform, this.#reason]) {
            filter.input.addEventListener("change", () => { this.#clear(); onFilter(); });
        }
        this.element = card("Live changes", { scope: "whole service", class: "live-card" },
            h("form", { class: "filters", "aria-label": "Filter", submit: (event) => { event.preventDefault(); this.#follow(); } },
                h("label", { for: "filter-user" }, "User"), this.#user,
                h("label", { for: "filter-platform" }, "Platform"), this.#platform.input,
                h("label", { for: "filter-reason" }, "Reason"), this.#reason.input,
                this.#pause),
            this.#note,
            h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "List of live changes" }, this.#table.element));
        this.#user.addEventListener("change", () => this.#follow());
        this.#user.addEventListener("search", () => this.#follow());
    }

    close() { this.#own?.close(); }

    /** Of the stream of all changes: what is to be told of. */
    get query() {
        const query = new URLSearchParams();
        if (this.#platform.input.value) query.set("platform", this.#platform.input.value);
        if (this.#reason.input.value) query.set("reason", this.#reason.input.value);
        return query.size ? `?${query}` : "";
    }

    /** The platforms there are. */
    know(platforms) {
        const known = new Set([...this.#platform.input.options].map((option) => option.value));
        for (const name of platforms) {
            if (!known.has(name)) this.#platform.input.append(h("option", { value: name }, name));
        }
    }

    /** The stream of all changes begins, perhaps at another worker: rows are numbered anew. */
    begin() {
        for (const told of this.#rows.values()) setText(told, "–");
        this.#rows.clear();
    }

    /** Of the stream of all changes. */
    heard({ rows, more, done }) {
        if (this.#own === null) this.#add(rows, more);
        for (const number of done) this.#done(number);
    }

    /** Follows one user by a stream of their own. */
    #follow() {
        const user = this.#user.value;
        if (user === (this.#own?.user ?? "")) return;
        this.#own?.close();
        this.#own = null;
        this.#clear();
        if (!user) return;
        this.#own = new Stream(`v1/events?users=${encodeURIComponent(user)}`, {
            onState: () => {},
            onRefused: (refusal) => (refusal.needsKey ? this.#onRefused(refusal) : setText(this.#note, refusal.message)),
            onEvent: (name, data) => {
                const change = changeOf(name, data);
                if (change && this.#takes(change)) this.#add([change], 0);
            },
        });
        this.#own.user = user;
        this.#tell();
    }

    #takes(change) {
        const [platform, reason] = [this.#platform.input.value, this.#reason.input.value];
        return (!platform || change.platform === platform) && (!reason || change.reason === reason);
    }

    #add(rows, more) {
        this.#total += rows.length + more;
        if (this.#isPaused) {
            this.#missed += rows.length + more;
        } else if (rows.length) {
            const made = rows.map((row) => this.#row(row)).reverse();
            if (more) {
                made.push(h("tr", { class: "more" }, h("td", { colspan: "3" }, `and ${number(more)} more in this second`)));
            }
            this.#table.body.prepend(...made);
            while (this.#table.body.children.length > rowsMax) {
                this.#rows.delete(this.#table.body.lastChild.number);
                this.#table.body.lastChild.remove();
            }
        }
        this.#tell();
    }

    #row({ number, at, user, action, reason, platform, instance, status }) {
        const told = h("td", { class: "told" }, number === undefined ? "–" : this.hasReceiver ? "waits" : "nobody");
        const row = h("tr", {},
            h("td", { class: "when" }, timeElement(at)),
            h("th", { class: "who", scope: "row" }, userLink(user)),
            h("td", { class: "what" }, h("span", { class: "strong" }, action), " ", h("span", { class: "muted" }, reason)),
            h("td", { class: "where" }, platform, " ", instance === "default" ? "" : h("span", { class: "muted" }, id(instance))),
            h("td", { class: "to" }, status),
            told);
        if (number !== undefined) {
            row.number = number;
            this.#rows.set(number, told);
        }
        return row;
    }

    #done(number) {
        const cell = this.#rows.get(number);
        if (cell && this.hasReceiver) setText(cell, "done");
        this.#rows.delete(number);
    }

    #togglePause() {
        this.#isPaused = !this.#isPaused;
        this.#missed = 0;
        this.#pause.setAttribute("aria-pressed", String(this.#isPaused));
        setText(this.#pause, this.#isPaused ? "Go on" : "Pause");
        this.#tell();
    }

    #tell() {
        const whose = this.#own ? `of ${this.#own.user} ` : "";
        setText(this.#note, this.#isPaused
            ? `Paused; ${number(this.#missed)} changes ${whose}since.`
            : this.#total ? `${number(this.#total)} changes ${whose}since this was opened.` : `No changes ${whose}since this was opened.`);
    }

    #clear() {
        this.#table.body.replaceChildren();
        this.#rows.clear();
        [this.#missed, this.#total] = [0, 0];
        this.#tell();
    }
}

function select(name, label, values) {
    const input = h("select", { id: `filter-${name}` },
        h("option", { value: "" }, "all"), ...values.map((value) => h("option", { value }, value)));
    return { input };
}

/** A change as the feed tells it; null for what is none. */
export function changeOf(name, data) {
    return name === "change" && data.user ? data : null;
}
