// What a user's story consists of: its timeline, and the facts beside it.
import { ago, agoElement, h, id, number, span, timeElement } from "./dom.js";

const kindWords = {
    Register: "Login", Unregister: "Logged out", LinkClose: "Connection closed", TimeOut: "Fell silent",
    Kicked: "Kicked", Expired: "Expired",
};
const endWords = {
    displaced: "displaced by a login", kicked: "kicked", loggedOut: "logged out", closed: "connection closed",
    silent: "fell silent", expired: "expired",
};

export const device = ({ platform, instance }) => h("span", {}, platform, instance === "default" ? "" : " ", instance === "default" ? "" : id(instance));
export const deviceText = ({ platform, instance }) => (instance === "default" ? platform : `${platform} ${instance}`);

/** Of a session's id: `Web:tab-1:generation`. */
function sessionDevice(session) {
    const [platform, instance] = session.split(":");
    return deviceText({ platform, instance });
}

export function timeline({ changes, at }) {
    if (!changes.length) return h("p", { class: "muted" }, "No change is kept any more.");
    return h("ol", { class: "timeline", reversed: true }, ...changes.toReversed().map((change) => {
        const title = change.reason === "Register" ? "Login on " : `${kindWords[change.reason] ?? change.reason}: `;
        const details = [
            ...(change.kicked ?? []).map((session) => h("p", { class: "displaced" }, "displaced ", id(sessionDevice(session)))),
            change.note ? h("p", {}, "reason given: ", id(change.note)) : null,
            change.lateMs === undefined ? null : h("p", {}, `settled ${span(change.lateMs)} after its timer ended`),
            change.missesOneBefore ? h("p", { class: "bad" }, "a change before this one is missing: it was lost") : null,
            fate(change.event, at),
        ];
        return h("li", { class: change.status.toLowerCase() },
            h("div", { class: "when" }, timeElement(change.at, at), " ", agoElement(change.at, at)),
            h("div", {},
                h("h3", {}, title, device(change)),
                h("p", { class: "muted" }, "session ", change.status, ", user ", change.userStatus),
                ...details));
    }));
}

export function ended({ ended, at }) {
    return h("ul", { class: "sessions" }, ...ended.toReversed().map((session) => h("li", {},
        h("h3", {}, device(session)),
        h("p", {}, endWords[session.how] ?? session.how,
            ...session.by ? [" on ", id(sessionDevice(session.by))] : [],
            ...session.reason ? [": ", id(session.reason)] : [],
            session.lateMs === undefined ? "" : `, settled ${span(session.lateMs)} late`,
            ...session.endedAt ? [", ", agoElement(session.endedAt, at)] : []))));
}

export function shard({ shard, rules, at }) {
    return facts([
        ["Shard", `${shard.number}, ${shard.owner ? `worker ${shard.owner}${shard.isOwnerLive ? "" : " (not live)"}` : "without an owner"}`],
        ["Swept", shard.sweptAt ? timeElement(shard.sweptAt, at) : "never"],
        ["Of all its users", `${number(shard.waiting)} events wait, ${number(shard.aside)} set aside, ${number(shard.dead)} dead`],
        ["Grace period since", shard.graceBeganAt ? timeElement(shard.graceBeganAt, at) : ""],
        ["Login policy", `${rules.policy}${rules.onLimit === "reject" ? ", newcomers are refused" : ""}`],
        ...rules.platforms.map((rule) => [rule.platform, `${number(rule.limit)} at once`
            + `${rule.ends.length ? `; a login ends those on ${rule.ends.join(", ")}` : ""}; lost after ${span(rule.timeoutMs)}`]),
    ]);
}

/** What became of an event. */
function fate({ state, attempts, since, behind, why }, at) {
    const after = attempts ? ` after ${number(attempts)} attempts` : "";
    const [name, text] = {
        waiting: ["waits", "waits to be delivered"],
        delivered: attempts > 1 ? ["late", `delivered late${after}`] : ["told", "delivered"],
        discarded: ["lost", "told to nobody: an operator dropped it"],
        untold: ["none", "told to nobody: there is no receiver"],
        aside: ["waits", `set aside ${ago(since, at)}${after}${behind ? `, behind ${number(behind)} before it` : "; tried again every 2 to 30 s"}`],
        dead: ["lost", `dead letter${after}, ${ago(since, at)}: ${why}`],
    }[state] ?? ["none", state];
    return h("p", { class: `fate ${name}` }, text);
}

export function timer({ state, endsAt, until }, at) {
    switch (state) {
        case "runs": return `ends ${ago(endsAt, at)}`;
        case "grace": return `has ended; grace for ${span(until - at)}`;
        case "endless": return "has no end";
        case "due": return "has ended; due to be settled";
        default: return "has ended; its shard is not swept";
    }
}

export function facts(rows) {
    return h("dl", { class: "facts" }, ...rows.filter(([, text]) => text).map(([name, text]) =>
        h("div", {}, h("dt", {}, name), h("dd", {}, typeof text === "string" ? id(text) : text))));
}
