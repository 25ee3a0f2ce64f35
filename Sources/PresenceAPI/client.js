// Presence of a web page: its user is Online as long as it is open.
//
//     import { PresenceClient } from "http://127.0.0.1:8080/client.js";
//     const presence = new PresenceClient({ url: "ws://127.0.0.1:8080", user: "alice", platform: "Web", token });
//     presence.addEventListener("kicked", ({ detail }) => alert(`Logged in on ${detail.platform}`));
//
// Promises: comes back by itself, as the same session where that still lives, until the page logs out or is told not
// to come back. The token is never part of a URL.
// Does not: outlive the page. A page that is reloaded logs in anew, as does one the browser froze.
// Needs: Chrome 119, Safari 17.4, Firefox 121 or later.

/** Closed with one of these (or any from 4000 to 4099), the same request would fail again: it is not repeated. */
const refusals = {
    1000: "logged out",
    1002: "protocol violation",
    1003: "binary message",
    1007: "invalid UTF-8",
    1009: "message too long",
    4000: "kicked",
    4001: "unauthorized",
    4002: "invalid request",
    4003: "login rejected",
    4004: "another connection resumed this session",
    4005: "origin not allowed",
};

/** The server welcomes within 8 s or says why not; the rest is for the way there. A token gets as long. */
const welcomeTimeoutMs = 10_000;
/** How long somebody waits to be logged out: a page can tell them to try again. */
const logoutTimeoutMs = 10_000;
/** How long a connection that may be dead has to show that it is not. */
const answerTimeoutMs = 5_000;
/** What the first pause is at most, and the longest: well below the time after which a silent browser is lost. */
const pauseMsFirst = 1_000;
const pauseMsMost = 15_000;
/** The longest pause the server may ask for. */
const askedPauseMsMost = 3_600_000;
/** The longest a timer waits; one set for more than 24 days would fire at once. */
const timerMsMax = 86_400_000;
/** Of the connections that fell silent, those that are kept. */
const silentSocketsMax = 4;

/**
 * One session, connected from its making on. Events:
 * - `online` {session, resumed}: logged in, or back.
 * - `offline` {code, reason, retryInMs}: the connection is lost; the client comes back by itself.
 * - `kicked` {by: "session", platform, instance} or {by: "operator", reason?}: forced offline for good.
 * - `refused` {code, detail}: the server does not let this client in, or the browser not to it (4002), for good.
 */
export class PresenceClient extends EventTarget {
    #url;
    #query;
    #token;
    /** Counts what began and ended: a token that comes later than that is nobody's. */
    #turn = 0;
    #socket;
    /** Sockets that fell silent. Closing one would end the session, so that waits until another one has it. */
    #silentSockets = [];
    #session;
    #isOnline = false;
    #onlineAtMs;
    /** A connection that brings nothing for `quietMs` is asked, and lost if nothing comes for `answerMs` more. */
    #patience;
    /** Nothing came since it was asked. */
    #isAsked = false;
    /** What the server said was wrong right before its close, for people; what it means stands in the code. */
    #problem;
    /** Attempts since a connection that lasted. */
    #failures = 0;
    #heartbeats;
    #watch;
    #retry;
    /** The logout that is waited for. */
    #leaving;
    /** Aborted for good: with null if no session is left, or else with the error that says why that is not known. */
    #end = new AbortController();

    /**
     * @param {object} options
     * @param {string} options.url the service: `wss://presence.example.com`
     * @param {string} options.user
     * @param {string} options.platform
     * @param {string} [options.instance] the stable id of this device; one per tab where nothing is said
     * @param {string | (() => string | Promise<string>)} [options.token] a function is asked before each connection;
     *     without an answer for 10 s, or with one that is no token, it is asked again later
     * @throws {TypeError} for another kind of url
     */
    constructor({ url, user, platform, instance, token }) {
        super();
        const { protocol, href } = new URL(url);
        if (!/^wss?:$/.test(protocol)) throw new TypeError(`The url must be ws://... or wss://..., not ${url}`);
        this.#url = href.replace(/\/$/, "");
        this.#query = { user, platform, instance: instance ?? `tab-${thisTab().id}` };
        this.#token = token;
        this.#listen();
        this.#connect();
    }

    /**
     * Logs out and never comes back. A client that is offline comes back once more to do so, if it has a session.
     * @returns {Promise<void>} when the session has ended; rejected when it is not known to have: because the server
     *     refuses this client, or because no answer came in time. In the latter case it goes on: call again later.
     */
    logout() {
        // Without a session there is nothing to end, and opening one for that would displace another device.
        if (!this.#session && !this.#socket) this.#finish();
        const { aborted, reason } = this.#end.signal;
        if (aborted) return reason ? Promise.reject(reason) : Promise.resolve();
        if (!this.#leaving) {
            const answer = Promise.withResolvers();
            const promise = within(logoutTimeoutMs, answer.promise, "the logout is not recorded: call again later");
            this.#leaving = { ...answer, promise: promise.finally(() => (this.#leaving = undefined)) };
        }
        if (this.#isOnline) this.#send({ type: "logout" });
        else if (this.#retry) this.#connect();
        return this.#leaving.promise;
    }

    /** Logs out as far as that is possible at once, and never comes back. */
    destroy() {
        this.#send({ type: "logout" });
        this.#finish(this.#session && new Error("destroyed before the logout was recorded"));
    }

    #listen() {
        const { document } = globalThis;
        const { signal } = this.#end;
        const wake = () => this.#wake();
        globalThis.addEventListener("online", wake, { signal });
        document?.addEventListener("visibilitychange", () => document.hidden || wake(), { signal });
        document?.addEventListener("resume", wake, { signal });
        // A page that is left and kept, to be shown again, would keep its socket and its user Online.
        globalThis.addEventListener("pagehide", ({ persisted }) => persisted && this.#leave(), { signal });
        const comeBack = () => this.#lost(1001, "the page was left");
        globalThis.addEventListener("pageshow", ({ persisted }) => persisted && comeBack(), { signal });
    }

    /** The network may be another than a moment ago, or the page may have slept for hours. */
    #wake() {
        if (this.#retry) this.#connect();
        else if (this.#isOnline) this.#ask();
    }

    async #connect() {
        clearTimeout(this.#retry);
        this.#retry = undefined;
        const turn = ++this.#turn;
        let token;
        try {
            token = await within(welcomeTimeoutMs, this.#askToken(), "none came in time");
        } catch (error) {
            return turn === this.#turn && this.#lost(1006, `no token: ${error}`);
        }
        if (turn !== this.#turn) return;
        try {
            this.#open(token);
        } catch (error) {
            this.#refused(4002, error.message);
        }
    }

    async #askToken() {
        if (typeof this.#token !== "function") return this.#token;
        const token = await this.#token();
        if (typeof token !== "string" || token === "") throw new TypeError("the function gave none");
        return token;
    }

    /** @throws {DOMException} if the browser does not connect to such a url: ws:// from an https:// page */
    #open(token) {
        const query = new URLSearchParams(this.#query);
        const tab = thisTab();
        query.set("attempt", `${tab.id}.${++tab.attempts}`);
        if (this.#session) query.set("session", this.#session);
        // Only in forms does a plus stand for a blank.
        const socket = new WebSocket(`${this.#url}/v1/connect?${String(query).replaceAll("+", "%20")}`);
        this.#socket = socket;
        socket.onopen = () => token && socket.send(JSON.stringify({ type: "token", token }));
        socket.onmessage = ({ data }) => socket === this.#socket && this.#received(parsed(data));
        socket.onclose = ({ code, reason }) => socket === this.#socket && this.#lost(code, reason);
        this.#giveUpAfter(welcomeTimeoutMs);
    }

    #received(message) {
        if (this.#isOnline) this.#heard();
        switch (message.type) {
            case "welcome":
                return this.#welcomed(message);
            case "heartbeat":
                // Browsers slow down the timers of hidden pages, not their messages.
                if (message.wanted) this.#send({ type: "heartbeat" });
                return;
            case "logout":
                // One nobody here asked for is told by the close that follows.
                return this.#leaving && this.#finish();
            case "kicked": {
                const { type, ...detail } = message;
                this.#finish();
                return this.#emit(type, detail);
            }
            case "error":
                return this.#failed(message);
            case "unrecorded":
            // The server could not ask its Redis. Like a message of a newer server it says that the way is open.
            default:
                return;
        }
    }

    #welcomed({ session, resumed, heartbeat }) {
        this.#closeSilent();
        this.#session = session;
        this.#isOnline = true;
        this.#onlineAtMs = performance.now();
        this.#patience = patience(heartbeat);
        const intervalMs = Math.min(timerMsMax, heartbeat.intervalSeconds * 1000);
        this.#heartbeats = setInterval(() => this.#send({ type: "heartbeat" }), intervalMs);
        this.#heard();
        if (this.#leaving) this.#send({ type: "logout" });
        this.#emit("online", { session, resumed });
    }

    #failed({ code, detail }) {
        // The only one without a close: the logout is not recorded.
        if (this.#isOnline && code === "redis-unavailable") this.#leaving?.reject(new Error(detail));
        else this.#problem = detail;
    }

    #heard() {
        clearTimeout(this.#watch);
        this.#isAsked = false;
        this.#watch = setTimeout(() => this.#ask(), this.#patience.quietMs);
    }

    /** Finds out whether a connection that looks open is. */
    #ask() {
        if (this.#isAsked) return;
        this.#isAsked = true;
        this.#send({ type: "heartbeat" });
        this.#giveUpAfter(this.#patience.answerMs);
    }

    #giveUpAfter(timeoutMs) {
        clearTimeout(this.#watch);
        this.#watch = setTimeout(() => {
            this.#giveUp(this.#socket);
            this.#lost(1006, "silent");
        }, timeoutMs);
    }

    /**
     * The server ends what it opens for a socket that is closed before its welcome. But a session that was there before
     * may go on in this one by now: then that waits. One that is still connecting would keep the next from connecting.
     */
    #giveUp(socket) {
        if (!this.#session || socket.readyState !== WebSocket.OPEN) return socket.close();
        // The first may have the session; those behind it were never welcomed.
        if (this.#silentSockets.length === silentSocketsMax) this.#silentSockets.splice(1, 1)[0].close();
        this.#silentSockets.push(socket);
    }

    #closeSilent() {
        for (const socket of this.#silentSockets) socket.close();
        this.#silentSockets = [];
    }

    #lost(code, reason) {
        // A server that welcomes and closes at once is not hammered.
        if (this.#isOnline && performance.now() - this.#onlineAtMs >= pauseMsMost) this.#failures = 0;
        this.#disconnect();
        const problem = this.#problem;
        this.#problem = undefined;
        if (code in refusals || (code >= 4000 && code <= 4099)) {
            return this.#refused(code, problem ?? refusals[code] ?? reason);
        }
        if (this.#leaving && !this.#session) return this.#finish();
        const retryInMs = this.#pauseMs(code, reason);
        this.#retry = setTimeout(() => this.#connect(), retryInMs);
        this.#emit("offline", { code, reason: problem ?? reason, retryInMs });
    }

    /** A restarting worker has chosen at random when its clients come back; an overloaded one wants less of them. */
    #pauseMs(code, reason) {
        const digits = /^retry-after-ms=(\d+)$/.exec(reason)?.[1];
        const askedMs = Math.min(askedPauseMsMost, Number(digits ?? 0));
        if (code === 1012 && digits) return askedMs;
        const boundMs = Math.min(pauseMsMost, pauseMsFirst * 2 ** this.#failures++);
        const pauseMs = Math.round(boundMs * (0.5 + Math.random() / 2));
        return code === 1013 ? askedMs + pauseMs : pauseMs;
    }

    #refused(code, detail) {
        const isOver = !this.#session || code === 1000 || code === 4000;
        this.#finish(isOver ? null : new Error(`refused before the logout was recorded: ${detail}`));
        this.#emit("refused", { code, detail });
    }

    #disconnect() {
        clearTimeout(this.#watch);
        clearTimeout(this.#retry);
        clearInterval(this.#heartbeats);
        this.#retry = undefined;
        this.#isOnline = false;
        this.#socket = undefined;
        this.#turn += 1;
    }

    /** Ends the session, so that there is none to come back with: another page of the tab may log in before it ends. */
    #leave() {
        this.#hangUp();
        if (!this.#leaving) this.#session = undefined;
    }

    #hangUp() {
        this.#closeSilent();
        this.#socket?.close();
        this.#disconnect();
    }

    /** @param {Error} [error] why it is not known whether the session has ended */
    #finish(error) {
        this.#end.abort(error ?? null);
        this.#hangUp();
        if (error) this.#leaving?.reject(error);
        else this.#leaving?.resolve();
    }

    #send(message) {
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
    }

    #emit(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}

/**
 * Every heartbeat is answered, and the server asks a page it has not heard of halfway between interval and timeout: so
 * does the page. What then brings nothing is lost before the server takes the page for lost.
 */
function patience({ intervalSeconds: interval, timeoutSeconds: timeout }) {
    return {
        quietMs: Math.min(timerMsMax, (interval + timeout) * 500),
        answerMs: Math.min(answerTimeoutMs, timeout * 100),
    };
}

const tabKey = "presence-tab";
let tab;

/**
 * What the pages of a tab have in common: its `id`, and the `attempts` of all its clients to connect, which tell the
 * server a late request from a newer one.
 *
 * Two tabs are two devices: as one they would displace each other. A reload stays the same, but a duplicated tab,
 * which starts with a copy of the storage, does not: so it is in there only between two pages.
 */
function thisTab() {
    const storage = tabStorage();
    const [, id, attempts] = /^(r\w+)\.(\d+)$/.exec(storage?.getItem(tabKey)) ?? [];
    storage?.removeItem(tabKey);
    if (!tab) {
        tab = { id: id ?? randomText(), attempts: 0 };
        globalThis.addEventListener("pagehide", () => storage?.setItem(tabKey, `${tab.id}.${tab.attempts}`));
    }
    // Also those of the pages that were shown while this one was kept.
    if (tab.id === id) tab.attempts = Math.max(tab.attempts, Number(attempts));
    return tab;
}

/** None where it is blocked, as in a sandboxed frame: there a reload is another device. */
function tabStorage() {
    try {
        return globalThis.sessionStorage;
    } catch {
        return undefined;
    }
}

/** What is no object says no more than that the way is open. */
function parsed(text) {
    try {
        return Object(JSON.parse(text));
    } catch {
        return {};
    }
}

/** The value, or an error with this message if it takes longer. */
function within(timeoutMs, value, message) {
    const late = Promise.withResolvers();
    const timer = setTimeout(() => late.reject(new Error(message)), timeoutMs);
    return Promise.race([value, late.promise]).finally(() => clearTimeout(timer));
}

/** Letters and digits, never none. */
function randomText() {
    return `r${Math.random().toString(36).slice(2, 14)}`;
}
