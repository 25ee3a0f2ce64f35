// Presence of a web page: its user is Online as long as it is open.
//
//     import { PresenceClient } from "http://127.0.0.1:8080/client.js";
//     const presence = new PresenceClient({ url: "ws://127.0.0.1:8080", user: "alice", platform: "Web", token });
//     presence.addEventListener("kicked", ({ detail }) => alert(`Logged in on ${detail.platform}`));
//
// Promises: comes back by itself, as the same session where that still lives, until the page logs out or is told not
// to come back. The token is never part of a URL.
// Does not: outlive the page. A page that is reloaded logs in anew.
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
/** Well below the time after which a silent browser is lost. */
const backoffMsMax = 15_000;
const backoffMsMin = 500;

/**
 * One session, connected from its making on. Events:
 * - `online` {session, resumed}: logged in, or back.
 * - `offline` {code, reason, retryInMs}: the connection is lost; the client comes back by itself.
 * - `kicked` {by: "session", platform, instance} or {by: "operator", reason?}: forced offline for good.
 * - `refused` {code, detail}: the server does not let this client in, or the browser not to it (4002), for good.
 */
export class PresenceClient extends EventTarget {
    #url;
    /** Tells the server a late request of this client from a newer one. */
    #id = randomText();
    #attempts = 0;
    #query;
    #token;
    #socket;
    /** A socket that fell silent. Closing it would end the session, so that waits until another one has it. */
    #silentSocket;
    #session;
    #isOnline = false;
    #onlineAtMs;
    /** A connection that brings nothing for so long is lost. */
    #silenceMs;
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
     * @param {string | (() => string | Promise<string>)} [options.token] a function is asked before each connection
     * @throws {TypeError} for another kind of url
     */
    constructor({ url, user, platform, instance, token }) {
        super();
        const { protocol, href } = new URL(url);
        if (!/^wss?:$/.test(protocol)) throw new TypeError(`The url must be ws://... or wss://..., not ${url}`);
        this.#url = href.replace(/\/$/, "");
        const { signal } = this.#end;
        this.#query = { user, platform, instance: instance ?? tabInstance(signal) };
        this.#token = token;
        // A network that is back ends the pause before the next attempt.
        globalThis.addEventListener("online", () => this.#retry && this.#connect(), { signal });
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
        if (this.#isOnline) this.#send({ type: "logout" });
        this.#finish(this.#session && new Error("destroyed before the logout was recorded"));
    }

    get #hasEnded() {
        return this.#end.signal.aborted;
    }

    async #connect() {
        clearTimeout(this.#retry);
        this.#retry = undefined;
        let token;
        try {
            token = await within(welcomeTimeoutMs, this.#askToken(), "none came in time");
        } catch (error) {
            return this.#lost(1006, `no token: ${error}`);
        }
        if (this.#hasEnded) return;
        try {
            this.#open(token);
        } catch (error) {
            this.#refused(4002, error.message);
        }
    }

    async #askToken() {
        return typeof this.#token === "function" ? this.#token() : this.#token;
    }

    /** @throws {DOMException} if the browser does not connect to such a url: ws:// from an https:// page */
    #open(token) {
        const query = new URLSearchParams(this.#query);
        query.set("attempt", `${this.#id}.${++this.#attempts}`);
        if (this.#session) query.set("session", this.#session);
        // Only in forms does a plus stand for a blank.
        const socket = new WebSocket(`${this.#url}/v1/connect?${String(query).replaceAll("+", "%20")}`);
        this.#socket = socket;
        this.#problem = undefined;
        socket.onopen = () => token && socket.send(JSON.stringify({ type: "token", token }));
        socket.onmessage = ({ data }) => socket === this.#socket && this.#received(JSON.parse(data));
        socket.onclose = ({ code, reason }) => socket === this.#socket && this.#lost(code, reason);
        this.#expectMessage(welcomeTimeoutMs);
    }

    #received(message) {
        if (this.#isOnline) this.#expectMessage(this.#silenceMs);
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
        }
    }

    #welcomed({ session, resumed, heartbeat }) {
        this.#silentSocket?.close();
        this.#silentSocket = undefined;
        this.#session = session;
        this.#isOnline = true;
        this.#onlineAtMs = performance.now();
        this.#silenceMs = silenceMs(heartbeat);
        this.#heartbeats = setInterval(() => this.#send({ type: "heartbeat" }), heartbeat.intervalSeconds * 1000);
        this.#expectMessage(this.#silenceMs);
        if (this.#leaving) this.#send({ type: "logout" });
        this.#emit("online", { session, resumed });
    }

    #failed({ code, detail }) {
        // The only one without a close: the logout is not recorded.
        if (this.#isOnline && code === "redis-unavailable") this.#leaving?.reject(new Error(detail));
        else this.#problem = detail;
    }

    /** A connection that brings nothing for so long is lost, even if it looks open. */
    #expectMessage(timeoutMs) {
        clearTimeout(this.#watch);
        this.#watch = setTimeout(() => {
            if (this.#isOnline) this.#silentSocket = this.#socket;
            else this.#socket.close();
            this.#lost(1006, "silent");
        }, timeoutMs);
    }

    #lost(code, reason) {
        if (this.#hasEnded) return;
        // A server that welcomes and closes at once is not hammered.
        if (this.#isOnline && performance.now() - this.#onlineAtMs > backoffMsMax) this.#failures = 0;
        this.#disconnect();
        if (code in refusals || (code >= 4000 && code <= 4099)) {
            return this.#refused(code, this.#problem ?? refusals[code] ?? reason);
        }
        if (this.#leaving && !this.#session) return this.#finish();
        const backoffMs = Math.min(backoffMsMax, backoffMsMin * 2 ** this.#failures) * (0.5 + Math.random() / 2);
        const wantedMs = Number(/retry-after-ms=(\d+)/.exec(reason)?.[1] ?? 0);
        const retryInMs = Math.max(wantedMs, Math.round(backoffMs));
        this.#failures += 1;
        this.#retry = setTimeout(() => this.#connect(), retryInMs);
        this.#emit("offline", { code, reason, retryInMs });
    }

    #refused(code, detail) {
        const isOver = !this.#session || code === 1000 || code === 4000;
        this.#finish(isOver ? null : new Error(`refused before the logout was recorded: ${detail}`));
        this.#emit("refused", { code, detail });
    }

    #disconnect() {
        clearTimeout(this.#watch);
        clearInterval(this.#heartbeats);
        this.#isOnline = false;
        this.#socket = undefined;
    }

    /** @param {Error} [error] why it is not known whether the session has ended */
    #finish(error) {
        this.#end.abort(error ?? null);
        clearTimeout(this.#retry);
        this.#silentSocket?.close();
        this.#socket?.close();
        this.#disconnect();
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
 * Every heartbeat is answered, and a page whose timers the browser slows down is asked for one halfway between
 * interval and timeout: what brings nothing for both, and a tenth of the timeout for the way, is lost.
 */
function silenceMs({ intervalSeconds: interval, timeoutSeconds: timeout }) {
    return 1000 * Math.max(2 * interval, (interval + timeout) / 2 + timeout / 10);
}

let pageInstance;

/**
 * Two tabs are two devices: as one they would displace each other. A reload stays the same, but a duplicated tab,
 * which starts with a copy of the storage, does not: the instance is in there only between two pages.
 * @param {AbortSignal} signal that nobody needs it any more
 */
function tabInstance(signal) {
    const key = "presence-instance";
    const storage = tabStorage();
    pageInstance ??= storage?.getItem(key) ?? `tab-${randomText()}`;
    storage?.removeItem(key);
    globalThis.addEventListener("pagehide", () => storage?.setItem(key, pageInstance), { signal });
    // A hidden page that was kept is shown again.
    globalThis.addEventListener("pageshow", () => storage?.removeItem(key), { signal });
    return pageInstance;
}

/** None where it is blocked, as in a sandboxed frame: there a reload is another device. */
function tabStorage() {
    try {
        return globalThis.sessionStorage;
    } catch {
        return undefined;
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
