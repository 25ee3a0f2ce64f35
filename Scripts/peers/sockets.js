// What clients over WebSocket ask of the service, on Node's ws, for `Scripts/bench peers`:
//
//     node sockets.js <port> <port of Redis> <secret of the clients' JWTs>
//
// It leaves out what the service does beside: origins, quotas, deadlines and rates of messages, login policies,
// records and events (its login is one SET), shards, and a Redis that goes away.
"use strict";
const crypto = require("crypto");
const net = require("net");
const { WebSocketServer } = require("ws");

const TIMEOUT_MS = "400000";
const HEARTBEAT = { intervalSeconds: 120, timeoutSeconds: 400 };
const [port, redisPort, secret] = process.argv.slice(2);

// One connection: the commands of a turn of the event loop go out together. All replies used here are one line.
const connection = net.connect(redisPort, "127.0.0.1");
const waiting = [];
let outgoing = "", incoming = "";

function redis(words, then) {
    if (outgoing === "") setImmediate(flush);
    outgoing += `*${words.length}\r\n`;
    for (const word of words) outgoing += `$${word.length}\r\n${word}\r\n`;
    waiting.push(then);
}

function flush() {
    connection.write(outgoing);
    outgoing = "";
}

connection.setEncoding("latin1");
connection.on("data", (data) => {
    const lines = (incoming + data).split("\r\n");
    incoming = lines.pop();
    const calls = waiting.splice(0, lines.length);
    lines.forEach((line, i) => calls[i](line));
});

function isToken(token, user) {
    const [head, claims, signature] = token.split(".");
    const expected = crypto.createHmac("sha256", secret).update(`${head}.${claims}`).digest();
    const given = Buffer.from(signature, "base64url");
    if (given.length !== expected.length || !crypto.timingSafeEqual(given, expected)) return false;
    const { sub, exp } = JSON.parse(Buffer.from(claims, "base64url"));
    return sub === user && exp > Date.now() / 1000;
}

let logins = 0;
const server = new WebSocketServer({ port, host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket, request) => {
    const query = new URL(request.url, "http://localhost").searchParams;
    const user = query.get("user");
    const session = `${query.get("platform")}:${query.get("instance")}:${++logins}`;
    const lease = `bench:node:${user}:${session}`;
    socket.on("message", (text) => {
        const message = JSON.parse(text);
        if (message.type === "heartbeat") {
            redis(["PEXPIRE", lease, TIMEOUT_MS], (reply) => {
                if (reply === ":1") socket.send('{"type":"heartbeat"}');
                else socket.close(4100, "session gone");
            });
        } else if (message.type === "token" && isToken(message.token, user)) {
            redis(["SET", lease, "1", "PX", TIMEOUT_MS], () => {
                socket.send(JSON.stringify({
                    type: "welcome", session, version: Date.now(), heartbeat: HEARTBEAT, resumed: false }));
            });
        } else {
            socket.close(4001, "unauthorized");
        }
    });
    socket.on("close", () => redis(["DEL", lease], () => {}));
    socket.on("error", () => {});
});
