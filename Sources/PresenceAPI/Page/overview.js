// The service at one glance.
import { bytes, card, h, keepRows, number, rate, setClass, setText, span, table, textRow } from "./dom.js";
import { Chart } from "./charts.js";
import { Changes } from "./changes.js";
import { Stream } from "./service.js";

const statuses = [{ name: "Online", class: "online" }, { name: "PushOnline", class: "push" }];
const reasons = [
    { name: "Register", class: "c1" }, { name: "Unregister", class: "c2" }, { name: "LinkClose", class: "c3" },
    { name: "TimeOut", class: "c4" }, { name: "Kicked", class: "c5" }, { name: "Expired", class: "c6" },
];

const devices = (count) => `on ${number(count)} ${count === 1 ? "device" : "devices"}`;
const sum = (values) => Object.values(values ?? {}).reduce((all, value) => all + value, 0);

export class OverviewPage {
    title = "Overview";
    #stream = null;
    #handlers;
    #tiles = {};
    #findings = h("ul", { class: "findings" });
    #health = h("section", { class: "card health", "aria-label": "Health", hidden: true }, this.#findings);
    #users = new Chart("Users", statuses, (value) => number(Math.round(value)), "whole service");
    #rates = new Chart("Changes per second", reasons, rate, "whole service");
    #platforms = table("Sessions by platform", [["Platform"], ["Online", "num"], ["PushOnline", "num"], ["Share", "share"]]);
    #workers = table("Workers", [["Worker", "wide"], ["Version"], ["Shards", "num"], ["Clock", "num roomy"], ["Rules", "roomy"]]);
    #nodes = table("Redis servers", [["Server", "wide"], ["Version", "roomy"], ["Memory", "num"], ["Commands/s", "num roomy"], ["Clients", "num roomy"], ["Notices"]]);
    #rules = table("Platforms and their rules", [["Platform", "wide"], ["Heartbeat", "num"], ["Timeout", "num"], ["Then", "thrifty"], ["At once", "num"]]);
    #facts = {};
    #changes;

    /** - handlers: `onState(state)`, `onRefused(refusal)`, `onLook(overview)`. */
    constructor(handlers) {
        this.#handlers = handlers;
        this.#changes = new Changes(() => this.#connect(), handlers.onRefused);
        this.element = h("div", { class: "overview" },
            h("h1", { class: "unseen" }, "Overview"),
            this.#health,
            h("dl", { class: "tiles", "aria-label": "Now" },
                this.#tile("online", "Users online"), this.#tile("push", "Reachable by push"),
                this.#tile("sessions", "Sessions"), this.#tile("changes", "Changes per second"),
                this.#tile("lag", "Settlement lag"), this.#tile("waiting", "Waiting for the receiver")),
            h("div", { class: "columns charts" }, this.#users.element, this.#rates.element),
            h("div", { class: "columns main" },
                this.#changes.element,
                h("div", { class: "stack" },
                    card("Platforms", { scope: "sessions, whole service" }, this.#platforms.element),
                    card("Delivery", {}, this.#delivery()))),
            h("div", { class: "columns" },
                card("Workers", { scope: "whole service" }, this.#workers.element, this.#fact("shards")),
                card("Redis", { scope: "masters, as this worker sees them" }, this.#nodes.element, this.#fact("replicas"))),
            card("Rules", { scope: "whole service" }, this.#fact("rules"), this.#rules.element));
        this.#connect();
    }

    close() {
        this.#stream?.close();
        this.#changes.close();
    }

    #connect() {
        this.#stream?.close();
        this.#stream = new Stream(`v1/overview${this.#changes.query}`, {
            onState: this.#handlers.onState,
            onRefused: this.#handlers.onRefused,
            onEvent: (name, data) => {
                if (name === "course") {
                    this.#begin(data);
                    this.#changes.begin();
                }
                if (name === "overview") this.#show(data);
                if (name === "changes") this.#changes.heard(data);
            },
        });
    }

    #tile(name, label) {
        const [value, note] = [h("span", { class: "value" }, "–"), h("span", { class: "note" }, "\u00a0")];
        const element = h("div", { class: `tile ${name}` }, h("dt", {}, label), h("dd", {}, value, note));
        this.#tiles[name] = { value, note, element };
        return element;
    }

    #fact(name) { return this.#facts[name] = h("p", { class: "fact" }); }

    #delivery() {
        const rows = [
            ["backlog", "Waiting", "whole service"], ["oldest", "The oldest since", "whole service"],
            ["aside", "Set aside", "whole service"], ["dead", "Dead letters", "whole service"],
            ["first", "Change to first attempt", "this worker, last minute"],
            ["attempts", "Receiver answers in", "this worker, last minute"],
        ];
        return h("dl", { class: "facts" }, ...rows.map(([name, label, scope]) => {
            this.#facts[name] = h("dd", {}, "–");
            return h("div", {}, h("dt", {}, label, h("span", { class: "scope" }, scope)), this.#facts[name]);
        }));
    }

    #begin({ statuses: names, reasons: causes, points }) {
        const place = (list, order, start) => order.map(({ name }) => start + list.indexOf(name));
        const [users, changes] = [place(names, statuses, 1), place(causes, reasons, 1 + names.length)];
        this.#users.begin(points.map((point) => ({ at: point[0], values: users.map((index) => point[index]) })));
        this.#rates.begin(points.map((point) => ({ at: point[0], values: changes.map((index) => point[index]) })));
    }

    #show(look) {
        this.#handlers.onLook(look);
        this.#changes.hasReceiver = look.delivery?.hasReceiver ?? true;
        this.#showHealth(look);
        this.#showTotals(look);
        this.#showDelivery(look);
        this.#showWorkers(look);
        this.#showNodes(look);
        this.#showRules(look);
    }

    #showHealth({ trouble, health, thisWorker }) {
        const findings = [
            ...trouble ? [{ level: "CRITICAL", text: trouble }] : [],
            ...health?.findings ?? [],
            ...thisWorker.reasons.map((text) => ({ level: "CRITICAL", text: `This worker: ${text}` })),
            ...thisWorker.notes.map((text) => ({ level: "WARNING", text: `This worker: ${text}` })),
        ];
        this.#health.hidden = findings.length === 0;
        keepRows(this.#findings, findings, ({ level, text }) => `${level} ${text}`, ({ level, text }) =>
            Object.assign(h("li", { class: level.toLowerCase() }, h("strong", {}, level.toLowerCase()), ` ${text}`), { update() {} }));
    }

    #set(name, value, note, isBad = false) {
        const tile = this.#tiles[name];
        setText(tile.value, value);
        setText(tile.note, note || "\u00a0");
        setClass(tile.element, `tile ${name}${isBad ? " bad" : ""}`);
    }

    #showTotals({ at, counts, changesPerSecond, settlementLagMs, delivery }) {
        const [online, push] = [sum(counts?.sessions.Online), sum(counts?.sessions.PushOnline)];
        this.#set("online", number(counts?.users.Online), counts ? devices(online) : "");
        this.#set("push", number(counts?.users.PushOnline), counts ? devices(push) : "");
        this.#set("sessions", counts ? number(online + push) : "–", "of all users");
        this.#set("changes", changesPerSecond ? rate(sum(changesPerSecond)) : "–", "all reasons");
        this.#set("lag", span(settlementLagMs), "2 s are promised", settlementLagMs > 5_000);
        this.#set("waiting", number(delivery?.waiting), delivery?.waiting ? `the oldest since ${span(delivery.waitingMs)}` : "", delivery?.waitingMs > 30_000);
        if (at === undefined || !counts) return;
        this.#users.add({ at, values: statuses.map(({ name }) => counts.users[name] ?? 0) });
        this.#rates.add({ at, values: reasons.map(({ name }) => changesPerSecond?.[name] ?? 0) });
        this.#showPlatforms(counts.sessions);
    }

    #showPlatforms({ Online: online = {}, PushOnline: push = {} }) {
        const names = [...new Set([...Object.keys(online), ...Object.keys(push)])].sort();
        const items = names.map((name) => ({ name, online: online[name] ?? 0, push: push[name] ?? 0 }))
            .filter((item) => item.online + item.push > 0);
        const most = Math.max(1, ...items.map((item) => item.online + item.push));
        keepRows(this.#platforms.body, items, ({ name }) => name, () => {
            const bars = [h("span", { class: "bar online" }), h("span", { class: "bar push" })];
            const row = textRow(["", "num", "num", "share"], ({ name, online, push }) => [name, number(online), number(push)]);
            row.lastChild.append(h("span", { class: "bars", "aria-hidden": "true" }, ...bars));
            const texts = row.update;
            row.update = (item) => {
                texts(item);
                bars[0].style.width = `${100 * item.online / most}%`;
                bars[1].style.width = `${100 * item.push / most}%`;
            };
            return row;
        });
        this.#changes.know(names);
    }

    #showDelivery({ delivery, thisWorker: { firstAttempts, attempts } }) {
        const { backlog, oldest, aside, dead, first, attempts: taken } = this.#facts;
        const latency = (durations) => {
            if (!durations) return "no receiver";
            return durations.count ? `p50 ≤ ${span(durations.p50Ms)}, p99 ≤ ${span(durations.p99Ms)}` : "none lately";
        };
        setText(backlog, delivery?.waitingMax ? `${number(delivery.waiting)} of ${number(delivery.waitingMax)}` : number(delivery?.waiting));
        setText(oldest, delivery?.waiting ? span(delivery.waitingMs) : "–");
        setText(aside, number(delivery?.aside));
        setText(dead, number(delivery?.dead));
        setText(first, latency(firstAttempts));
        setText(taken, latency(attempts));
    }

    #showWorkers({ workers = [], shards, thisWorker }) {
        keepRows(this.#workers.body, workers, ({ worker }) => worker, () =>
            textRow(["wide", "", "num", "num roomy", "roomy"], (item) => [
                item.worker === thisWorker.worker ? `${item.worker} (this one)` : item.worker,
                item.version ?? "older", number(item.shards),
                item.clockMs === undefined ? "–" : `${item.clockMs > 0 ? "+" : ""}${number(item.clockMs)} ms`,
                item.hasAdoptedRules ? "the service's" : "others",
            ]));
        if (!shards) return;
        const free = shards.unowned > shards.unownedNumbers.length ? `${shards.unownedNumbers.join(", ")}, …` : shards.unownedNumbers.join(", ");
        setText(this.#facts.shards, `${number(shards.count)} shards, ${shards.unowned ? `${number(shards.unowned)} without an owner: ${free}` : "each with an owner"}`
            + `${shards.inGrace ? `; ${number(shards.inGrace)} in a grace period` : ""}.`);
        setClass(this.#facts.shards, shards.unowned ? "fact bad" : "fact");
    }

    #showNodes({ redis, thisWorker: { notifications } }) {
        const memory = ({ memoryBytes, memoryMaxBytes }) =>
            memoryMaxBytes ? `${bytes(memoryBytes)} of ${bytes(memoryMaxBytes)}` : bytes(memoryBytes);
        keepRows(this.#nodes.body, redis, ({ address }) => address, () =>
            textRow(["wide", "roomy", "num", "num roomy", "num roomy", ""], (node) => node.complaint
                ? [node.address, "–", "–", "–", "–", node.complaint]
                : [
                    node.address, node.software, memory(node), number(node.commandsPerSecond), number(node.clients),
                    notifications[node.address] === undefined ? "–" : notifications[node.address] ? "on" : "off",
                ]));
        const replicas = redis.flatMap((node) => (node.replicas ?? []).map((replica) =>
            `${replica.address} of ${node.address} (${replica.state}, heard ${replica.lagSeconds} s ago)`));
        setText(this.#facts.replicas, replicas.length ? `Replicas: ${replicas.join("; ")}` : "No replicas.");
    }

    #showRules({ rules }) {
        if (!rules) return setText(this.#facts.rules, "No rules stand.");
        const onLimit = rules.onLimit === "reject" ? "a login over the limit is refused" : "a login over the limit ends the oldest session";
        setText(this.#facts.rules, `Login policy ${rules.policy}; ${onLimit}; a pause of ${span(rules.outageGapMs)} counts as an outage. Digest ${rules.digest}.`);
        keepRows(this.#rules.body, rules.platforms, ({ platform }) => platform, () =>
            textRow(["wide", "num", "num", "thrifty", "num"], (item) => [
                item.platform, span(item.intervalMs), span(item.timeoutMs),
                item.pushRetentionMs ? `PushOnline for ${span(item.pushRetentionMs)}` : "Offline", number(item.limit),
            ]));
    }
}
