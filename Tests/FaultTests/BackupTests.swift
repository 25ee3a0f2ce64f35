import Foundation
import RedisClient
import Support
import Testing

@Suite("Backup and restore")
struct BackupTests {
    private static let settings = [
        "heartbeat.browser-interval-ms": "4000", "heartbeat.browser-timeout-ms": "9000", "outage.gap-ms": "2500",
    ]

    @Test("After the documented restore of an old backup, who heartbeats stays Online and who is gone is told Offline")
    func restore() async throws {
        let folder = try temporaryFolder("backup")
        defer { removeFolder(folder) }
        try await RedisServer.withRedis(["--notify-keyspace-events", "Kxt"]) { redis in
            try await Deployment.withWorkers(1, on: redis.serviceURL, Self.settings) { workers, backend, receiver in
                let ann = try await backend.session("ann", "Web")
                let bob = try await backend.session("bob", "Web")
                try await eventually(else: "the logins are not told") { receiver.events.count == 2 }
                try await Self.backUp(redis, to: "\(folder)/dump.rdb")

                let cid = try await backend.session("cid", "Web")
                _ = try await backend.logout("ann", ann)
                try await eventually(else: "ann's logout is not told") { receiver.changes(of: "ann").count == 2 }

                try await workers[0].stop()
                try await redis.stop()
                try await waitForGap()
                let file = "\(redis.folder)/dump.rdb"
                try FileManager.default.removeItem(atPath: file)
                try FileManager.default.copyItem(atPath: "\(folder)/dump.rdb", toPath: file)
                try await redis.start()
                try await Self.lookAt(redis)
                try await workers[0].startAgain()
                try await backend.use([workers[0]])

                let answer = try await backend.heartbeat([("bob", bob), ("cid", cid)])
                #expect(answer.body["gone"].list.map { $0["user"].string } == ["cid"])
                #expect(try await backend.status("bob") == "Online")
                // Of the logout Redis knows no more: ann is told to be gone once more, after the grace.
                try await eventually(else: "ann stays Online") {
                    #expect(try await backend.heartbeat([("bob", bob)]).body["renewed"].int == 1)
                    return try await backend.status("ann") == "Offline"
                }
                try await eventually(else: "the end is not told") { receiver.changes(of: "ann").count == 3 }
                #expect(receiver.changes(of: "bob").count == 1)
                let versions = receiver.events(of: "ann").map(\.version)
                #expect(versions == versions.sorted() && Set(versions).count == 3)
            }
        }
    }

    /// An outage that counts as one.
    private func waitForGap() async throws {
        let end = ContinuousClock.now + .milliseconds(3_000)
        try await eventually(else: "time stands still") { ContinuousClock.now >= end }
    }

    private static func backUp(_ redis: RedisServer, to file: String) async throws {
        let lines = try DocumentationPage.named("Upgrade").block("sh", containing: "BGSAVE").lines
        #expect(try await run(lines[0], on: redis) == "Background saving started\n")
        try await eventually(else: "the backup is not written") {
            let info = try await run(lines[1], on: redis)
            return info.contains("rdb_bgsave_in_progress:0") && info.contains("rdb_last_bgsave_status:ok")
        }
        let place = try await run(lines[2], on: redis)
        #expect(place == "dir\n\(redis.folder)\n")
        try FileManager.default.copyItem(atPath: "\(redis.folder)/dump.rdb", toPath: file)
    }

    private static func lookAt(_ redis: RedisServer) async throws {
        let lines = try DocumentationPage.named("Upgrade").block("sh", containing: "presence:meta").lines
        for (line, text) in zip(lines, ["layout", "digest", "db0:keys="]) {
            let shown = try await run(line, on: redis)
            #expect(shown.contains(text), "\(line): \(shown)")
        }
        #expect(lines.count == 3)
    }

    private static func run(_ line: String, on redis: RedisServer) async throws -> String {
        let folder = try temporaryFolder("backup-step")
        defer { removeFolder(folder) }
        let words = line.replacing("-h host1", with: "-h \(redis.host) -p \(redis.port)")
        let child = try ChildProcess(["sh", "-c", words], folder: folder, log: "output")
        try await eventually(else: "\(line) does not end") { !child.isRunning }
        #expect(child.exitStatus == 0, "\(line): \(child.log)")
        return child.log.replacing("\r", with: "")
    }
}
