// Node's fetch: prints the status of each answer.
const [url] = process.argv.slice(2);
const calls = [
    ["/v1/sessions", '{"user":"ann","platform":"Web"}'],
    ["/v1/heartbeats", '{"sessions":[{"user":"ann","session":"Web:a:b"}]}'],
    ["/v1/statuses", '{"users":["ann"]}'],
    ["/v1/statuses", "a".repeat(2_000_000)],
    ["/v1/statuses", '{"users":["ann"]}'],
];
const statuses = [];
for (const [path, body] of calls) {
    const response = await fetch(url + path, { method: "POST", body });
    await response.text();
    statuses.push(response.status);
}
console.log(statuses.join(" "));
