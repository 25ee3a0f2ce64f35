// Presence of a web page: its user is Online as long as it is open.
//
//     import { PresenceClient } from "http://127.0.0.1:8080/client.js";
//     const presence = new PresenceClient({ url: "ws://127.0.0.1:8080", user: "alice", platform: "Web", token });
//     presence.addEventListener("kicked", ({ detail }) => alert(`Logged in on ${detail.platform}`));
//
// Promises: comes back by itself, as the same session where that still lives, until the page logs out or is told not
// to come back. The token is never part of a URL.
// Does not: outlive the page. A page that is reloaded logs in anew.

/** Closed with one of these (or any from 4000 to 4099), the same request would fail again: it is not repeated. */
const refusals = {
    1000: "logged out by the backend",
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

/** The server lets a handshake take 5 s; the rest is for the way there. */
const welcomeTimeoutMs = 10_000;
/** Well below the time after which a silent browser is lost. */
const backoffMsMax = 15_000;
const backoffMsMin = 500;

/**
 * One session, connected from its making on. Events:
 * - `online` {session, resumed}: logged in, or back.
 * - `offline` {code, reason, retryInMs}: the connection is lost; the client comes back by itself.
 * - `kicked` {by: "session", platform, instance} or {by: "operator", reason?}: forced offline for good.
 * - `refused` {code, detail}: the server does not let this client in, for good.
 */
export class PresenceClient extends EventTarget {
    #url;
    #query;
    #token;
    #socket;
    /** A socket that fell silent. Closing it would end the session, so that waits until another one has it. */
    #silentSocket;
    #session;
    #intervalMs;
    #isOnline = false;
    /** What the server last said was wrong, for people; what it means stands in the code of the close. */
    #problem;
    #failures = 0;
    #heartbeats;
    #watch;
    #retry;
    #leaving;
    #end = new AbortController();

    /**
     * @param {object} options
     * @param {string} options.url the service: `wss://presence.example.com`
     * @param {string} options.user
     * @param {string} options.platform
     * @param {string} [options.instance] the stable id of this device; one per tab where nothing is said
     * @param {string | (() => string | Promise<string>)} [options.token] a function is asked before each connection
     */
    constructor({ url, user, platform, instance = tabInstance(), token }) {
        super();
        this.#url = url.replace(/\/$/, "");
        this.#query = { user, platform, instance };
        this.#token = token;
        // A network that is back ends the pause before the next attempt.
        globalThis.addEventListener("online", () => this.#retry && this.#connect(), { signal: this.#end.signal });
        this.#connect();
    }

    /**
     * Logs out and never comes back. A client that is offline comes back once more to do so.
     * @returns {Promise<void>} when the session has ended; rejected when that cannot be recorded: call again later.
     */
    logout() {
        if (this.#hasEnded) return Promise.resolve();
        this.#leaving ??= Promise.withResolvers();
        if (this.#isOnline) this.#send({ type: "logout" });
        else if (this.#retry) this.#connect();
        return this.#leaving.promise;
    }

    /** Logs out as far as that is possible at once, and never comes back. */
    destroy() {
        if (this.#isOnline) this.#send({ type: "logout" });
        this.#finish();
    }

    get #hasEnded() {
        return this.#end.signal.aborted;
    }

    async #connect() {
        clearTimeout(this.#retry);
        this.#retry = undefined;
        let token;
        try {
            token = typeof this.#token === "function" ? await this.#token() : this.#token;
        } catch (error) {
            return this.#lost(1006, `no token: ${error}`);
        }
        if (this.#hasEnded) return;
        const query = new URLSearchParams(this.#query);
        if (this.#session) query.set("session", this.#session);
        const socket = new WebSocket(`${this.#url}/v1/connect?${query}`);
        this.#socket = socket;
        socket.onopen = () => token && socket.send(JSON.stringify({ type: "token", token }));
        socket.onmessage = ({ data }) => socket === this.#socket && this.#received(JSON.parse(data));
        socket.onclose = ({ code, reason }) => socket === this.#socket && this.#lost(code, reason);
        this.#expectMessage(welcomeTimeoutMs);
    }

    #received(message) {
        if (this.#isOnline) this.#expectMessage(2 * this.#intervalMs);
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
        this.#failures = 0;
        this.#intervalMs = heartbeat.intervalSeconds * 1000;
        this.#heartbeats = setInterval(() => this.#send({ type: "heartbeat" }), this.#intervalMs);
        this.#expectMessage(2 * this.#intervalMs);
        this.#emit("online", { session, resumed });
        if (this.#leaving) this.#send({ type: "logout" });
    }

    #failed({ code, detail }) {
        this.#problem = detail;
        if (this.#isOnline && code === "redis-unavailable") {
            this.#leaving?.reject(new Error(detail));
            this.#leaving = undefined;
        }
    }

    /** Every heartbeat is answered: a connection that brings nothing for so long is lost, even if it looks open. */
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
        this.#disconnect();
        if (code in refusals || (code >= 4000 && code <= 4099)) {
            this.#finish();
            return this.#emit("refused", { code, detail: this.#problem ?? refusals[code] ?? reason });
        }
        const backoffMs = Math.min(backoffMsMax, backoffMsMin * 2 ** this.#failures) * (0.5 + Math.random() / 2);
        const wantedMs = Number(/retry-after-ms=(\d+)/.exec(reason)?.[1] ?? 0);
        const retryInMs = Math.max(wantedMs, Math.round(backoffMs));
        this.#failures += 1;
        this.#retry = setTimeout(() => this.#connect(), retryInMs);
        this.#emit("offline", { code, reason, retryInMs });
    }

    #disconnect() {
        clearTimeout(this.#watch);
        clearInterval(this.#heartbeats);
        this.#isOnline = false;
        this.#socket = undefined;
    }

    #finish() {
        this.#end.abort();
        clearTimeout(this.#retry);
        this.#silentSocket?.close();
        this.#socket?.close();
        this.#disconnect();
        this.#leaving?.resolve();
    }

    #send(message) {
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
    }

    #emit(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}

/** Two tabs are two devices: as one they would displace each other. A reload stays the same. */
function tabInstance() {
    const key = "presence-instance";
    const instance = globalThis.sessionStorage?.getItem(key) ?? `tab-${Math.random().toString(36).slice(2, 14)}`;
    globalThis.sessionStorage?.setItem(key, instance);
    return instance;
}
