import Foundation
import RedisClient
import Support
import Testing

@Suite("Start, stop and health")
struct OperationTests {
    @Test("SIGTERM finishes deliveries and releases ownership within 10 s; the other worker goes on at once")
    func gracefulStop() async throws {
        try await Deployment.with(workers: 2, ["heartbeat.desktop-timeout-ms": "400000"]) { deployment in
            let backend = Backend(deployment.workers[1])
            deployment.receiver.answer { _ in
                try? await Task.sleep(for: .milliseconds(300))
                return 200
            }
            for number in 0..<100 { _ = try await backend.session("user-\(number)", "Mac") }
            let begin = ContinuousClock.now
            try await deployment.workers[0].stop()
            #expect(ContinuousClock.now - begin < .seconds(10))
            #expect(deployment.workers[0].child.exitStatus == 0)
            try await eventually(timeout: .seconds(4), else: "the shards were not taken over") {
                let live = try await deployment.redis.withClient { redis in
                    try await redis.send(RedisCommand("ZCARD", key: "presence:workers")).int
                }
                return try await deployment.shardOwners(16).count == 1 && live == 1
            }
            try await eventually(else: "heard \(deployment.receiver.events.count)") {
                deployment.receiver.events.count == 100
            }
            #expect(deployment.receiver.attempts.count == 100, "a graceful stop causes no repeats")
        }
    }

    @Test("Two workers share the shards fairly and a new one gets its share")
    func fairShares() async throws {
        try await Deployment.with(workers: 2, ["shards": "128"]) { deployment in
            try await deployment.redis.withClient { redis in
                try await eventually(else: "the shards are not shared") {
                    let owners = try await redis.replies(
                        (0..<128).map { RedisCommand("HGET", key: Deployment.key($0, "owner"), "worker") })
                    let shares = Dictionary(grouping: owners.compactMap(\.string), by: \.self).mapValues(\.count)
                    return shares.count == 2 && shares.values.allSatisfy { $0 > 32 }
                }
            }
        }
    }

    @Test("A worker is ready while Redis answered within the last seconds, and says why when it does not")
    func readiness() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let backend = deployment.backend
            #expect(try await backend.call(.get, "/health/live").status == 200)
            try await eventually(else: "never ready") { try await backend.call(.get, "/health/ready").status == 200 }
            await deployment.redis.pause()
            try await eventually(timeout: .seconds(10), else: "ready without Redis") {
                let answer = try await backend.call(.get, "/health/ready")
                return answer.status == 503 && answer.text.contains("Redis")
            }
            #expect(try await backend.call(.get, "/health/live").status == 200)
            await deployment.redis.resume()
            try await eventually(else: "not ready again") {
                try await backend.call(.get, "/health/ready").status == 200
            }
        }
    }

    @Test("Work that is late is a figure and a line in the log: the worker stays ready, for others would be no better")
    func lateSweep() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let backend = deployment.backend
            try await eventually(else: "never ready") { try await backend.call(.get, "/health/ready").status == 200 }
            try await deployment.redis.withClient { redis in
                // Deadlines that are no sorted set any more; put there again, as whoever opens the outbox mends them.
                try await eventually(else: "not told") {
                    _ = try await redis.send(RedisCommand("SET", key: Deployment.key(3, "deadlines"), "broken"))
                    return deployment.workers[0].log.contains("Cannot sweep")
                }
                #expect(try await backend.call(.get, "/health/ready").status == 200)
                _ = try await redis.send(RedisCommand("DEL", key: Deployment.key(3, "deadlines")))
                // Due, and put back to due by whoever reads it, as long as a session is not declared.
                _ = try await redis.send(RedisCommand("ZADD", key: Deployment.key(4, "deadlines"), "1", "ann"))
                try await eventually(else: "the lag is not told") {
                    _ = try await redis.send(RedisCommand("ZADD", key: Deployment.key(4, "deadlines"), "1", "ann"))
                    let answer = try await backend.call(.get, "/health/ready")
                    return answer.status == 200 && (answer.body["settlementLagMs"].int ?? 0) > 1_000
                }
            }
        }
    }

    @Test("A Redis set up with other shards is refused with a sentence")
    func shardMismatch() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let end = try await PresenceProcess.end(of: [
                "serve", "--port", "0", "--shards", "32", "--auth-api-keys", "key-of-a-backend",
                "--redis-url", deployment.redis.url,
            ])
            #expect(end.output.contains("set shards to 16"))
            // Whatever a library says of a service that failed.
            #expect(!end.output.contains("key-of-a-backend"))
        }
    }

    @Test("SIGTERM does not wait for a request that does not come to its end, and hands the shards over")
    func stopWithOpenRequest() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let folder = try temporaryFolder("open")
            defer { removeFolder(folder) }
            let script = """
                exec 3<>/dev/tcp/127.0.0.1/\(deployment.workers[0].port)
                live='GET /health/live HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'
                printf "${live}POST /v1/sessions HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 50\\r\\n\\r\\n{" >&3
                cat <&3
                """
            let child = try ChildProcess(["bash", "-c", script], folder: folder, log: "client")
            // What came with an answered request was read with it.
            try await eventually(else: "no answer: \(child.log)") { child.log.contains("200 OK") }
            try await deployment.workers[0].stop()
            #expect(deployment.workers[0].child.exitStatus == 0)
            let live = try await deployment.redis.withClient { redis in
                try await redis.send(RedisCommand("ZCARD", key: "presence:workers")).int
            }
            #expect(live == 0)
            try await eventually(else: "the client's connection is still open") { !child.isRunning }
        }
    }

    @Test("SIGTERM does not wait for connections that ask for nothing")
    func idleConnections() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let worker = deployment.workers[0]
            try await RawWebSocket.withConnection(port: worker.port) { silent in
                #expect(try await deployment.backend.call(.get, "/health/live").status == 200)
                // Less than a first request may take.
                try await worker.child.end(with: SIGTERM, timeout: .seconds(4))
                #expect(try await silent.next() == nil)
            }
        }
    }

    @Test("A worker without its Redis says so to whoever asks, lets nobody in, and serves when it comes")
    func waitsForRedis() async throws {
        try await RedisServer.withRedis { redis in
            try await redis.kill()
            let folder = try temporaryFolder("waiting")
            defer { removeFolder(folder) }
            let child = try ChildProcess(
                [PresenceProcess.binary, "serve", "--port", "0", "--shards", "16", "--redis-url", redis.url],
                folder: folder, log: "log")
            let backend = Backend(["http://127.0.0.1:\(try await PresenceProcess.listeningPort(of: child))"])
            let live = try await backend.call(.get, "/health/live")
            #expect(live.status == 200)
            try await eventually(else: "it does not say why") {
                let ready = try await backend.call(.get, "/health/ready")
                return ready.status == 503 && ready.text.contains("Redis is waited for: ")
            }
            for path in ["/v1/users/ann", "/v1/stats", "/v1/connect"] {
                let answer = try await backend.call(.get, path)
                #expect(
                    answer.status == 503 && answer.body["code"].string == "redis-unavailable", "\(path) \(answer.text)")
            }
            try await redis.start()
            try await eventually(else: "it does not serve") {
                try await backend.call(.get, "/health/ready").status == 200
            }
            let login = try await backend.login("ann", "Mac")
            #expect(login.status == 201)
            try await child.end(with: SIGTERM)
        }
    }

    @Test("SIGTERM ends a worker that still waits for its Redis, without complaint")
    func stopWhileWaiting() async throws {
        let folder = try temporaryFolder("waiting")
        defer { removeFolder(folder) }
        let url = "redis://127.0.0.1:\(try await FreePort.next())"
        let child = try ChildProcess(
            [PresenceProcess.binary, "serve", "--port", "0", "--redis-url", url], folder: folder, log: "log")
        try await eventually(else: "it does not wait: \(child.log)") { child.log.contains("Waiting for Redis") }
        try await child.end(with: SIGTERM, timeout: .seconds(5))
        #expect(child.exitStatus == 0, "\(child.log)")
    }

    @Test("A port that is taken is refused with a sentence")
    func portTaken() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let folder = try temporaryFolder("taken")
            defer { removeFolder(folder) }
            let port = String(deployment.workers[0].port)
            let child = try ChildProcess(
                [
                    PresenceProcess.binary, "serve", "--port", port, "--redis-url", deployment.redis.url, "--shards",
                    "16",
                ], folder: folder, log: "log")
            try await eventually(else: "it still runs: \(child.log)") { !child.isRunning }
            #expect(child.exitStatus == 69)
            #expect(child.log.contains("127.0.0.1:\(port) cannot be listened on"))
            #expect(!child.log.contains("unregister"), "\(child.log)")
        }
    }

    @Test("So is a host that has no address; the worker, of which others may know already, has unregistered by then")
    func unknownHost() async throws {
        try await RedisServer.withRedis { redis in
            let end = try await PresenceProcess.end(of: [
                "serve", "--host", "nowhere.invalid", "--port", "0", "--auth-api-keys", "key", "--redis-url", redis.url,
            ])
            #expect(end.status == 69)
            #expect(
                end.output.hasSuffix(
                    "presence: host is \"nowhere.invalid\", a name without an address: set host to an address of this "
                        + "machine.\n"), "\(end.output)")
            let workers = try await redis.withClient {
                try await $0.send(RedisCommand("ZCARD", key: "presence:workers"))
            }
            #expect(workers == .integer(0) && !end.output.contains("unregister"), "\(end.output)")
        }
    }

    @Test("Commands say of a Redis that cannot be used what presence serve says")
    func unusable() async throws {
        let cluster = ["--cluster-enabled", "yes", "--cluster-port", "\(try await FreePort.next())"]
        try await RedisServer.withRedis(cluster) { redis in
            for command in [["query", "ann"], ["replay"], ["rules", "show"], ["rules", "adopt"], ["serve"]] {
                let end = try await PresenceProcess.end(of: command + ["--redis-url", redis.url])
                let isTold = end.output.contains("Write redis+cluster:// in redis.url.\n")
                #expect(isTold && !end.output.contains("right?"), "\(command): \(end.output)")
            }
        }
        try await Deployment.with(workers: 1) { deployment in
            try await deployment.redis.withClient { redis in
                _ = try await redis.send(RedisCommand(keyless: "ACL", "SETUSER", "presence", "-hmget", "-xrange"))
            }
            for command in [["query", "ann"], ["replay"]] {
                let end = try await PresenceProcess.end(of: command + ["--redis-url", deployment.redis.serviceURL])
                #expect(end.status == 78 && end.output.contains(/add .*\+hmget .*to its ACL/.ignoresCase()), "\(end)")
            }
        }
    }

    @Test("A simulation that connects nobody has failed")
    func simulateNobody() async throws {
        let port = try await FreePort.next()
        let end = try await PresenceProcess.end(of: [
            "simulate", "--users", "2", "--duration-ms", "1000", "--url", "ws://127.0.0.1:\(port)",
        ])
        #expect(end.status == 1 && end.output.contains(#""connectedMax":0"#), "\(end)")
    }

    @Test("No answer to HEAD has a body, or the next answer on the connection could not be told apart")
    func head() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let folder = try temporaryFolder("head")
            defer { removeFolder(folder) }
            for path in ["/nope", "/v1/sessions", "/health/live"] {
                let script = """
                    exec 3<>/dev/tcp/127.0.0.1/\(deployment.workers[0].port)
                    printf 'HEAD \(path) HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' >&3
                    cat <&3
                    """
                let child = try ChildProcess(["bash", "-c", script], folder: folder, log: "\(path.count)")
                try await eventually(else: "no answer") { !child.isRunning }
                #expect(child.log.hasPrefix("HTTP/1.1 ") && child.log.hasSuffix("\r\n\r\n"), "\(child.log)")
            }
        }
    }

    @Test("presence replay delivers dead letters once more: all, or those of a user and a span of time")
    func replay() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let receiver = deployment.receiver
            for user in ["ann", "bob"] { _ = try await deployment.backend.session(user, "Mac") }
            try await eventually(else: "not delivered") { receiver.events.count == 2 }
            try await deployment.redis.withClient { redis in
                for shard in 0..<16 {
                    let events = try await redis.send(
                        RedisCommand("XRANGE", key: Deployment.key(shard, "events"), "-", "+"))
                    for entry in events.array ?? [] {
                        let (position, fields) = (entry.array?[0].string ?? "", entry.array?[1].array ?? [])
                        let letter = ["refused", "400", "position", position] + fields.map { $0.string ?? "" }
                        _ = try await redis.send(
                            RedisCommand("XADD", key: Deployment.key(shard, "dead"), ["*"] + letter))
                    }
                }
            }
            func replay(_ flags: String...) async throws -> String {
                try await PresenceProcess.command(["replay", "--redis-url", deployment.redis.url] + flags)
            }
            func count(_ number: Int) -> String { "\(number) dead letters are delivered once more\n" }
            #expect(try await replay("--until", "2020-01-01T00:00:00Z") == count(0))
            #expect(try await replay("--since", "2020-01-01T00:00:00.000Z", "--user", "carl") == count(0))
            #expect(try await replay("--since", "yesterday").contains("must be a time as"))
            #expect(try await replay("--since", "2", "--until", "1").contains("must not be later"))
            #expect(try await replay("--since", "1577836800000", "--user", "bob").hasSuffix(count(1)))
            let bobs = receiver.events(of: "bob")
            try await eventually(else: "not delivered again") {
                receiver.attempts.filter { $0.id == bobs[0].id }.count == 2
            }
            #expect(try await replay().hasSuffix(count(1)))
            try await eventually(else: "not delivered again") { receiver.attempts.count == 4 }
        }
    }

    @Test("presence query shows a user's sessions and status")
    func query() async throws {
        try await Deployment.with(workers: 1, ["login.policy": "multi"]) { deployment in
            _ = try await deployment.backend.login("zoe", "iPhone", instance: "pocket", address: "10.1.2.3")
            let output = try await PresenceProcess.command(
                ["query", "zoe", "nobody", "--redis-url", deployment.redis.url])
            #expect(output.contains("zoe") && output.contains("Online") && output.contains("iPhone:pocket"))
            #expect(output.contains("10.1.2.3"))
            #expect(output.contains("nobody") && output.contains("Offline"))

            try await deployment.corruptRecord(of: "zoe")
            let rest = try await PresenceProcess.command(
                ["query", "zoe", "nobody", "--redis-url", deployment.redis.url])
            #expect(rest.contains("nobody  Offline"))
            #expect(rest.contains("zoe  The record of user zoe holds a field Web:broken this service did not write."))
        }
    }
}
