// Asks the service: single calls, and streams that come back by themselves. The key is in memory only.

/** What the service refused, as its problem says. */
export class Refused extends Error {
    constructor(status, problem) {
        super(problem?.detail ?? `The service answered ${status}.`);
        this.status = status;
        this.code = problem?.code ?? "";
        this.title = problem?.title ?? "";
    }

    /** Another key may help, the same one never does. */
    get needsKey() { return this.status === 401 || this.code === "read-key-needed"; }
    get isFinal() { return this.status >= 400 && this.status < 500 && ![408, 429].includes(this.status); }
}

let key = null;
// That of who orders, where it is another one.
let operateKey = null;

export const hasKey = () => key !== null || operateKey !== null;

export function setKey(value) {
    key = value;
    operateKey = null;
}

export const setOperateKey = (value) => { operateKey = value; };

/** What no header can hold is no key. */
export const isKey = (value) => /^[\x21-\x7e]+$/.test(value);

async function ask(path, { headers = {}, isOrder = false, ...options } = {}) {
    const mine = isOrder ? operateKey ?? key : key;
    const shown = mine === null ? {} : { authorization: `Bearer ${mine}` };
    const answer = await fetch(path, {
        cache: "no-store", credentials: "omit", redirect: "error", ...options, headers: { ...headers, ...shown },
    });
    if (answer.ok) return answer;
    let problem;
    try { problem = await answer.json(); } catch { /* A proxy says it in its own way. */ }
    throw new Refused(answer.status, problem);
}

export async function get(path, signal) {
    return (await ask(path, { signal })).json();
}

/** Orders something. */
export async function post(path, body = {}) {
    const answer = await ask(path, {
        method: "POST", isOrder: true, headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    return answer.json();
}

/** A user's path; null for the two ids that browsers take for parts of a path. */
export function userPath(user, rest = "") {
    return user === "." || user === ".." ? null : `v1/users/${encodeURIComponent(user)}${rest}`;
}

const firstPauseMs = 500;
const longestPauseMs = 10_000;
// A stream that brings nothing for so long is dead, whatever the browser thinks: every stream has a sign of life more often.
const silenceMs = 20_000;
// A stream that came so far begins anew with the first pause.
const steadyMs = 5_000;

/**
 * A stream of events, open while the page is visible until it is closed. It comes back after whatever breaks it.
 *
 * `onEvent(name, data, id)`, `onState("connecting" | "live" | "broken" | "paused")`, `onRefused(refusal)` for what
 * trying again cannot help.
 */
export class Stream {
    #path;
    #handlers;
    #abort = null;
    #timer = null;
    #pauseMs = firstPauseMs;
    #closed = false;
    #onVisible = () => (document.hidden ? this.#pause() : this.#open());

    constructor(path, handlers) {
        this.#path = path;
        this.#handlers = handlers;
        document.addEventListener("visibilitychange", this.#onVisible);
        if (document.hidden) handlers.onState("paused");
        else this.#open();
    }

    close() {
        this.#closed = true;
        document.removeEventListener("visibilitychange", this.#onVisible);
        this.#stop();
    }

    #stop() {
        clearTimeout(this.#timer);
        this.#timer = null;
        this.#abort?.abort();
        this.#abort = null;
    }

    #pause() {
        this.#stop();
        this.#pauseMs = firstPauseMs;
        this.#handlers.onState("paused");
    }

    async #open() {
        if (this.#closed || this.#abort) return;
        clearTimeout(this.#timer);
        const abort = new AbortController();
        this.#abort = abort;
        this.#handlers.onState("connecting");
        const openedAt = performance.now();
        let hasEnded = false;
        try {
            hasEnded = await this.#read(abort);
        } catch (error) {
            if (this.#abort !== abort) return;
            if (error instanceof Refused && error.isFinal) {
                this.close();
                return this.#handlers.onRefused(error);
            }
        }
        if (this.#abort !== abort) return;
        this.#abort = null;
        abort.abort();
        const isSteady = performance.now() - openedAt > steadyMs;
        if (isSteady) this.#pauseMs = firstPauseMs;
        this.#handlers.onState("broken");
        // A worker that stops says so, and another one may answer at once.
        const pauseMs = hasEnded && isSteady ? 0 : this.#pauseMs * (0.5 + Math.random() / 2);
        this.#timer = setTimeout(() => this.#open(), pauseMs);
        this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    }

    /** Whether the stream came to an end of its own. */
    async #read(abort) {
        let hasEnded = false;
        let watchdog = setTimeout(() => abort.abort(), silenceMs);
        try {
            const answer = await ask(this.#path, { headers: { accept: "text/event-stream" }, signal: abort.signal });
            const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
            const events = new EventReader((name, data, id) => {
                if (name === "end") hasEnded = true;
                else this.#handlers.onEvent(name, data, id);
            });
            this.#handlers.onState("live");
            for (;;) {
                const { done, value } = await reader.read();
                if (done || this.#abort !== abort) return hasEnded;
                clearTimeout(watchdog);
                watchdog = setTimeout(() => abort.abort(), silenceMs);
                events.take(value);
                if (hasEnded) return true;
            }
        } finally {
            clearTimeout(watchdog);
        }
    }
}

/** Reads `text/event-stream` as it comes; what is not whole at the end is dropped. */
export class EventReader {
    #rest = "";
    #event = { name: "message", data: [], id: "" };
    #onEvent;

    constructor(onEvent) { this.#onEvent = onEvent; }

    take(text) {
        const lines = (this.#rest + text).split("\n");
        this.#rest = lines.pop();
        for (const line of lines) this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
    }

    #line(line) {
        if (line === "") return this.#end();
        const colon = line.indexOf(":");
        if (colon === 0) return;
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
        if (name === "event") this.#event.name = value;
        if (name === "data") this.#event.data.push(value);
        if (name === "id") this.#event.id = value;
    }

    #end() {
        const { name, data, id } = this.#event;
        this.#event = { name: "message", data: [], id };
        if (data.length === 0) return;
        let value;
        try { value = JSON.parse(data.join("\n")); } catch { return; }
        this.#onEvent(name, value, id);
    }
}
