import RedisClient
import Support
import Testing

@Suite("Rules all workers share")
struct RulesTests {
    @Test(
        "`presence rules` shows what stands, and adopts those of a configuration: who has others stops working at once")
    func command() async throws {
        try await Deployment.with(workers: 1, ["login.policy": "dual"]) { deployment in
            let backend = deployment.backend
            let url = ["--redis-url", deployment.redis.url]
            try await eventually(else: "no rules stand") {
                try await PresenceProcess.command(["rules", "show"] + url).contains("login.policy = dual")
            }
            let shown = try await PresenceProcess.command(["rules", "show"] + url)
            #expect(shown.contains("callback = yes"))
            #expect(shown.contains("platforms.Web = class=browser interval-ms=500 timeout-ms=4000"))
            #expect(try await backend.call(.get, "/health/ready").body["notes"].list.isEmpty)

            let others = Deployment.shortTimeouts.merging([
                "login.policy": "multi", "callback.url": "http://127.0.0.1:9/",
            ]) { $1 }
            let flags = others.flatMap { ["--" + $0.key.replacing(".", with: "-"), $0.value] }
            let adopted = try await PresenceProcess.command(["rules", "adopt"] + url + flags)
            #expect(adopted.contains("login.policy is multi, was dual"))
            try await eventually(else: "the worker does not say that its rules are others") {
                let answer = try await backend.call(.get, "/health/ready")
                return answer.status == 200 && answer.text.contains("login.policy is dual, adopted is multi")
            }
            // It serves calls; one with the adopted rules takes the shards over.
            _ = try await backend.session("ann", "Web")
            let first = try await deployment.shardOwners(16)
            try await PresenceProcess.withWorker(redis: deployment.redis.url, others) { _ in
                try await eventually(else: "the shards are still the first worker's") {
                    let owners = try await deployment.shardOwners(16)
                    return owners.count == 1 && owners != first
                }
            }
        }
    }

    @Test("A receiver for which events wait is not given up by the way")
    func givingUp() async throws {
        try await Deployment.with(workers: 1) { deployment in
            deployment.receiver.answer { _ in 500 }
            _ = try await deployment.backend.session("ann", "Web")
            let silent = Deployment.shortTimeouts.flatMap { ["--" + $0.key.replacing(".", with: "-"), $0.value] }
            let adopt = ["rules", "adopt", "--redis-url", deployment.redis.url] + silent
            #expect(try await PresenceProcess.command(adopt).contains("1 events wait for the receiver"))
            #expect(
                try await PresenceProcess.command(["rules", "show", "--redis-url", deployment.redis.url])
                    .contains("callback = yes"))
            let given = try await PresenceProcess.command(adopt + ["--drop-events"])
            #expect(given.contains("1 waiting events will be told to nobody"))
            #expect(given.contains("callback.url is not set, was yes"))
        }
    }

    @Test("Rules where there is no service are a sentence, not an empty list")
    func nobody() async throws {
        try await RedisServer.withRedis { redis in
            let shown = try await PresenceProcess.command(["rules", "show", "--redis-url", redis.url])
            #expect(shown.contains("No service keeps presence there"))
        }
    }

    @Test("A layout of an older version is refused at the start, and by the commands, with a sentence")
    func olderLayout() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { redis in
                _ = try await redis.send(RedisCommand("HSET", key: "presence:meta", "shards", "128"))
            }
            let refusal = await #expect(throws: TimedOut.self) {
                try await PresenceProcess.withWorker(redis: server.url) { _ in }
            }
            #expect(refusal?.description.contains("have layout 1") == true)
            let query = try await PresenceProcess.command(["query", "ann", "--redis-url", server.url])
            #expect(query.contains("have layout 1"))
        }
    }

    @Test("4096 shards: users are found where the rule of the documentation says")
    func manyShards() async throws {
        try await Deployment.with(workers: 1, ["shards": "4096"]) { deployment in
            _ = try await deployment.backend.session("alice", "Web")
            try await deployment.redis.withClient { redis in
                let keys = try await redis.send(RedisCommand(keyless: "KEYS", "presence:{*}:user:alice")).array ?? []
                #expect(keys.map(\.string) == ["presence:{3143.2884}:user:alice"])
            }
            let shown = try await PresenceProcess.command(["query", "alice", "--redis-url", deployment.redis.url])
            #expect(shown.contains("presence:{3143.2884}:user:alice"))
        }
    }
}
