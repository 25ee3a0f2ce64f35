// Node's fetch.
const [url, heartbeat] = process.argv.slice(2);
const calls = [
    ["/v1/sessions", '{"user":"ann","platform":"Web"}'],
    ["/v1/heartbeats", heartbeat],
    ["/v1/statuses", '{"users":["ann"]}'],
    ["/v1/statuses", "a".repeat(2_000_000)],
    ["/v1/statuses", '{"users":["ann"]}'],
];
const words = [];
for (const [path, body] of calls) {
    const response = await fetch(url + path, { method: "POST", body });
    const answer = await response.text();
    if (body === heartbeat) words.push(answer);
    words.push(response.status);
}
console.log(words.join(" "));
