import Foundation
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Testing

/// Commands as an operator types them, beside running workers.
@Suite("Commands for operators")
struct CommandTests {
    private func run(_ deployment: Deployment, _ words: String...) async throws -> (output: String, status: Int32?) {
        try await PresenceProcess.end(of: words + ["--redis-url", deployment.redis.url])
    }

    /// What is printed on standard output: an action leaves a line on standard error, too.
    private func withoutAudit(_ output: String) -> String {
        output.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains(" outcome=") }
            .joined(separator: "\n")
    }

    private func json(_ deployment: Deployment, _ words: String...) async throws -> JSON {
        let end = try await PresenceProcess.end(of: words + ["--json", "--redis-url", deployment.redis.url])
        return try JSON(parsing: withoutAudit(end.output))
    }

    @Test("presence inspect tells who displaced a user's session, and that the receiver knows")
    func displaced() async throws {
        try await Deployment.with(workers: 1) { deployment in
            _ = try await deployment.backend.session("ann", "Mac")
            let phone = try await deployment.backend.session("ann", "iPhone", instance: "9f3c")
            try await eventually(else: "not delivered") { deployment.receiver.events.count == 2 }
            var told = ""
            try await eventually(else: "not acknowledged: \(told)") {
                told = try await run(deployment, "inspect", "ann").output
                return told.contains(/(?s)displaced Mac:default.*\n    delivered/)
            }
            let text = try await run(deployment, "inspect", "ann").output
            #expect(text.hasPrefix("ann is Online, last change "), "\(text)")
            #expect(text.contains("  Mac:default was displaced by a login on iPhone:9f3c\n"), "\(text)")
            #expect(text.contains("Rules (adopted, digest "), "\(text)")
            #expect(text.contains("heartbeat every 1 s, lost after 5 s, then PushOnline for 3 s"), "\(text)")
            let story = try await json(deployment, "inspect", "ann")
            #expect(story["sessions"][0]["session"].string == phone)
            #expect(story["ended"][0]["by"].string == phone)
            #expect(story["shard"]["isOwnerLive"].bool == true)
        }
    }

    @Test("presence inspect tells that a user fell silent, and how long after the timer's end that was settled")
    func lost() async throws {
        try await Deployment.with(workers: 1) { deployment in
            _ = try await deployment.backend.session("ann", "Web")
            try await eventually(else: "not settled") {
                try await run(deployment, "inspect", "ann").output.contains(
                    /The last one, Web:default, fell silent, and was settled\s+[\d.]+\s+m?s\s+after its timer ended\./)
            }
            let story = try await json(deployment, "inspect", "ann")
            #expect(story["ended"][0]["how"].string == "silent")
            #expect((0...5_000).contains(story["ended"][0]["lateMs"].int ?? -1))
        }
    }

    @Test("presence inspect tells that a user's events are set aside, and after how many attempts")
    func aside() async throws {
        try await Deployment.with(workers: 1) { deployment in
            deployment.receiver.answer { $0.user == "ann" ? 500 : 200 }
            _ = try await deployment.backend.session("ann", "Mac")
            var number = 0
            try await eventually(else: "not set aside") {
                number += 1
                _ = try await deployment.backend.session("user-\(number)", "Mac")
                return try await json(deployment, "inspect", "ann")["changes"][0]["event"]["state"].string == "aside"
            }
            let text = try await run(deployment, "inspect", "ann").output
            #expect(
                text.contains(/set aside [\d.]+ m?s ago after \d+ attempts; tried again every 2 to 30 s/), "\(text)")
            deployment.receiver.answer { _ in 200 }
            try await eventually(else: "not delivered") {
                let event = try await json(deployment, "inspect", "ann")["changes"][0]["event"]
                return event["state"].string == "delivered" && event["attempts"].int ?? 0 > 5
            }
        }
    }

    @Test("presence kick ends what the API's kick ends, and inspect tells the reason; nobody to kick is status 1")
    func kick() async throws {
        try await Deployment.with(workers: 1, ["login.policy": "multi"]) { deployment in
            let mac = try await deployment.backend.session("ann", "Mac")
            _ = try await deployment.backend.session("ann", "Web")
            var end = try await run(deployment, "kick", "ann", "--platform", "Mac", "--reason", "stolen")
            #expect(withoutAudit(end.output) == "ended \(mac)\nann is Online\n" && end.status == 0)
            #expect(
                end.output.contains(/action=kick .*count=1 .*outcome=done .*platform=Mac .*user=ann .*audit/), "\(end)")
            let text = try await run(deployment, "inspect", "ann").output
            #expect(text.contains("Mac:default was kicked by an operator: \"stolen\""), "\(text)")
            try await eventually(else: "not heard") {
                deployment.receiver.changes(of: "ann").contains("Logout/Kicked")
            }
            let answer = try await json(deployment, "kick", "ann")
            #expect(answer["status"].string == "Offline" && answer["kicked"].list.count == 1)
            _ = try await deployment.backend.session("zoe", "Web")
            try await deployment.corruptRecord(of: "zoe")
            end = try await run(deployment, "kick", "zoe")
            #expect(end.status == 69 && end.output.contains(/action=kick .*outcome=failed .*user=zoe/), "\(end)")
            end = try await run(deployment, "kick", "ann")
            #expect(end.output.contains("No session was meant") && end.status == 1)
            for (words, sentence) in [
                (["kick", ""], "A user id must be 1 to 128 bytes of UTF-8."),
                (["kick", "ann", "--platform", "Phone"], "--platform must be one of Android, Linux"),
                (["kick", "ann", "--instance", "a b"], "--instance must be 1 to 64 of"),
                (["kick", "ann", "--reason", "a\nb"], "--reason must be at most 256 bytes"),
            ] {
                end = try await PresenceProcess.end(of: words + ["--redis-url", deployment.redis.url])
                #expect(end.output.contains(sentence) && end.status == 64, "\(end)")
            }
        }
    }

    @Test("presence inspect of a user never seen says what that can mean, and refuses what names no user")
    func neverSeen() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let end = try await run(deployment, "inspect", "nobody")
            #expect(end.status == 0 && end.output.hasPrefix("nobody is Offline, and not on record\n"), "\(end)")
            #expect(end.output.contains("compared byte by byte"))
            #expect(try await json(deployment, "inspect", "nobody")["isKnown"].bool == false)
            #expect(try await run(deployment, "inspect", String(repeating: "x", count: 129)).status == 64)
            _ = try await deployment.backend.session("zoe", "Web")
            try await deployment.corruptRecord(of: "zoe")
            let broken = try await run(deployment, "inspect", "zoe")
            #expect(broken.status == 69 && broken.output.contains("Web:broken this service did not write"), "\(broken)")
        }
    }

    @Test("presence watch prints changes as they are committed, of all users or of some, until enough are told")
    func watch() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let folder = try temporaryFolder("watch")
            defer { removeFolder(folder) }
            func child(_ name: String, _ words: String...) throws -> ChildProcess {
                try ChildProcess(
                    [PresenceProcess.binary, "watch", "--redis-url", deployment.redis.url] + words, folder: folder,
                    log: name)
            }
            let all = try child("all", "--count", "3", "--json")
            let some = try child("some", "ann", "--progress")
            try await eventually(else: "it follows nothing") { some.log.contains("Following 1 shards") }
            try await eventually(else: "not told: \(all.log) \(some.log)") {
                _ = try await deployment.backend.session("ann", "Web")
                _ = try await deployment.backend.session("bob", "Web")
                return !all.isRunning && some.log.contains("Login/Register")
            }
            #expect(all.exitStatus == 0)
            let lines = try all.log.split(separator: "\n").map { try JSON(parsing: String($0)) }
            #expect(lines.count == 3 && lines.allSatisfy { $0["action"].string == "Login" })
            #expect(
                some.log.contains(/\d\dZ  ann  Web:default  Login\/Register  Online\n/) && !some.log.contains("bob"))
            try await some.end(with: SIGINT, timeout: .seconds(5))
            #expect(some.exitStatus == 0)
            #expect(try await run(deployment, "watch", "--for-ms", "300").status == 0)
            #expect(
                try await run(deployment, "watch", "--count", "0").output.contains("--count must be a whole number"))
        }
    }

    @Test("presence watch follows a cluster's shards on all masters")
    func watchCluster() async throws {
        try await RedisCluster.withCluster(masters: 3) { cluster in
            try await Deployment.withWorkers(1, on: cluster.url) { _, backend, _ in
                let folder = try temporaryFolder("watch")
                defer { removeFolder(folder) }
                let child = try ChildProcess(
                    [PresenceProcess.binary, "watch", "--redis-url", cluster.url, "--count", "12", "--progress"],
                    folder: folder, log: "watch")
                try await eventually(else: "it follows nothing") { child.log.contains("Following 16 shards") }
                try await eventually(else: "not told: \(child.log)") {
                    for number in 0..<12 { _ = try await backend.session("user-\(number)", "Web") }
                    return !child.isRunning
                }
                #expect(child.exitStatus == 0, "\(child.log)")
            }
        }
    }

    /// Copies all events of these users to the dead letters.
    private func kill(_ deployment: Deployment, _ why: [String: String]) async throws {
        try await deployment.redis.withClient { redis in
            for shard in 0..<16 {
                let events = try await redis.send(
                    RedisCommand("XRANGE", key: Deployment.key(shard, "events"), "-", "+"))
                for entry in events.array ?? [] {
                    let (position, fields) = (entry.array?[0].string ?? "", entry.array?[1].array ?? [])
                    guard let user = fields[1].string, let why = why[user] else { continue }
                    let letter =
                        ["refused", why, "position", position] + fields.map { $0.string ?? "" } + ["attempts", "9"]
                    _ = try await redis.send(
                        RedisCommand("XADD", key: Deployment.key(shard, "dead"), ["*"] + letter))
                }
            }
        }
    }

    @Test("presence dead lists letters by reason, shows one as it would be posted, replays some and drops the others")
    func dead() async throws {
        // Nobody falls silent while commands are run.
        try await Deployment.with(workers: 1, ["heartbeat.desktop-timeout-ms": "600000"]) { deployment in
            for user in ["ann", "bob", "cat"] { _ = try await deployment.backend.session(user, "Mac") }
            try await eventually(else: "not delivered") { deployment.receiver.events.count == 3 }
            try await kill(deployment, ["ann": "HTTP 400", "bob": "HTTP 400", "cat": "HTTP 404"])

            let list = try await run(deployment, "dead", "list").output
            #expect(list.hasPrefix("3 dead letters\n  2  HTTP 400\n  1  HTTP 404\n\n"), "\(list)")
            #expect(list.contains("after 9 attempts: HTTP 404\n"), "\(list)")
            let page = try await json(deployment, "dead", "list", "--limit", "1", "--skip", "1")
            #expect(page["count"].int == 3 && page["letters"].list.count == 1)
            #expect(page["reasons"]["HTTP 400"].int == 2)
            #expect(page["letters"][0]["change"]["user"].string == "bob", "the latest change first")

            let hostile = "\u{1B}[2J\u{202E}\nAll is well"
            try await deployment.redis.command(
                "XADD", Deployment.key(9, "dead"), "1-1", "refused", hostile, "field", hostile)
            let forged = try await run(deployment, "dead", "show", "9/1-1").output
            #expect(forged.contains(#"\u{1b}[2J\u{202e}\nAll is well"#) && !forged.contains("\nAll"), "\(forged)")
            try await deployment.redis.command("DEL", Deployment.key(9, "dead"))

            let name = try #require(page["letters"][0]["letter"].string)
            let letter = try await json(deployment, "dead", "show", name)
            #expect(letter["body"]["CallbackCommand"].string == "State.StateChange")
            #expect(letter["body"]["Info"]["To_Account"].string == "bob" && letter["attempts"].int == 9)
            #expect(try await run(deployment, "dead", "show", name).output.contains("after 9 attempts: HTTP 400"))
            #expect(try await run(deployment, "dead", "show", "3/1-0").output.contains("There is no dead letter 3/1-0"))
            let refused = try await run(deployment, "dead", "show", "99/1-0")
            #expect(
                refused.status == 64 && refused.output.contains("A letter must be one that presence dead list prints"))

            #expect(
                try await run(deployment, "dead", "replay", "--user", "ann").output
                    .contains("1 dead letters are delivered once more\n"))
            try await eventually(else: "not delivered again") { deployment.receiver.attempts.count == 4 }

            let asked = try await run(deployment, "dead", "drop")
            #expect(asked.status == 64 && asked.output.contains("2 dead letters would be dropped for good: say --yes."))
            #expect(
                try await run(deployment, "dead", "drop", "--user", "bob", "--yes").output
                    .contains("1 dead letters are dropped\n"))
            let dropped = try await json(deployment, "inspect", "bob")["changes"].list.map {
                $0["event"]["state"].string
            }
            #expect(dropped == ["discarded"])
            #expect(try await json(deployment, "dead", "drop", "--yes")["dropped"].int == 1)
            let rest = try await json(deployment, "dead", "list")
            #expect(rest["count"].int == 0 && rest["dropped"].int == 0 && rest["discarded"].int == 2)
            let examined = try await Examined(deployment.redis.url, ["--no-audit"])
            #expect(
                !examined.codes.contains("dead-letters-full"), "what an operator drops is not lost: \(examined.output)")
            let far = try await run(deployment, "dead", "list", "--skip", String(Int.max))
            #expect(far.status == 64 && far.output.contains("--skip must be at most 1000000"), "\(far)")
        }
    }

    @Test("presence check is OK beside healthy workers, and says in one line what is not well, with Nagios' statuses")
    func check() async throws {
        try await Deployment.with(workers: 2) { deployment in
            try await eventually(else: "never well") {
                try await run(deployment, "check").status == 0
            }
            let well = try await run(deployment, "check")
            #expect(
                well.output.contains(
                    /^PRESENCE OK - 2 workers, 16 shards, all swept lately \| workers=2;;;0 sweep_age=[\d.]+s;8.0;15.0;0/
                ),
                "\(well)")
            #expect(well.output.split(separator: "\n").count == 1)
            let report = try await json(deployment, "check")
            #expect(report["level"].string == "OK" && report["figures"]["workers"].int == 2)

            _ = try await deployment.backend.session("ann", "Mac")
            try await eventually(else: "not delivered") { deployment.receiver.events.count == 1 }
            try await kill(deployment, ["ann": "HTTP 400"])
            var end = try await run(deployment, "check")
            #expect(end.status == 1 && end.output.hasPrefix("PRESENCE WARNING - 1 dead letter | "), "\(end)")
            end = try await run(deployment, "check", "--dead-critical", "1")
            #expect(end.status == 2 && end.output.hasPrefix("PRESENCE CRITICAL - 1 dead letter | "), "\(end)")
            #expect(try await run(deployment, "check", "--dead-warning", "0").status == 0)
            end = try await run(deployment, "check", "--dead-warning", "0", "--workers-min", "3")
            #expect(end.status == 2 && end.output.contains("2 live workers, 3 are wanted"), "\(end)")

            try await deployment.redis.command("ACL", "SETUSER", "default", "-xadd")
            end = try await run(deployment, "check")
            #expect(end.status == 2 && end.output.contains("The Redis user lacks permissions: add +xadd"), "\(end)")
            try await deployment.redis.command("ACL", "SETUSER", "default", "+xadd")
            for words in [["--nonsense"], ["--dead-warning", "x"], ["--lag-warning-ms", "70000"]] {
                end = try await PresenceProcess.end(of: ["check"] + words + ["--redis-url", deployment.redis.url])
                #expect(end.status == 3 && end.output.hasPrefix("PRESENCE UNKNOWN - "), "\(end)")
            }
            await deployment.redis.pause()
            // `run` waits for no longer than a few seconds.
            end = try await run(deployment, "check", "--deadline-ms", "1000")
            #expect(end.status == 2 && end.output.hasPrefix("PRESENCE CRITICAL - no answer within 1000 ms"), "\(end)")
            await deployment.redis.resume()
        }
        let port = try await FreePort.next()
        let end = try await PresenceProcess.end(of: ["check", "--redis-url", "redis://127.0.0.1:\(port)"])
        #expect(end.status == 2 && end.output.hasPrefix("PRESENCE CRITICAL - "), "\(end)")
    }

    @Test("presence rules show and adopt have a JSON form, and show names the workers that have others")
    func rules() async throws {
        try await Deployment.with(workers: 1, ["login.policy": "dual"]) { deployment in
            try await eventually(else: "no rules stand") {
                try await json(deployment, "rules", "show")["rules"]["login.policy"].string == "dual"
            }
            #expect(try await json(deployment, "rules", "show")["workers"][0]["isAdopted"].bool == true)
            let others = Deployment.shortTimeouts.merging([
                "login.policy": "multi", "callback.url": "http://127.0.0.1:9/",
            ]) { $1 }
            let flags = others.flatMap { ["--" + $0.key.replacing(".", with: "-"), $0.value] }
            let end = try await PresenceProcess.end(
                of: ["rules", "adopt", "--json", "--redis-url", deployment.redis.url] + flags)
            let adopted = try JSON(parsing: withoutAudit(end.output))
            #expect(adopted["differences"].list == [.text("login.policy is multi, was dual")], "\(end)")
            #expect(adopted["workers"].int == 0)
            let shown = try await run(deployment, "rules", "show").output
            #expect(shown.contains(/worker \S+ has other rules, digest [0-9a-f]{12}: its log/), "\(shown)")
        }
    }
}
