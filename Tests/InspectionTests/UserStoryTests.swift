import Inspection
import PresenceCore
import PresenceStore
import Support
import Testing

/// What `presence inspect` prints, whole: five users whose state somebody asked about.
@Suite("Why is this user in this state?")
struct UserStoryTests {
    private func text(_ facts: Facts) -> String {
        UserStory(facts.facts, commandLine: "redis-cli -h 10.0.0.5 -p 6379").text
    }

    private var digest: String { StoreOptions(worker: "a").rules(hasReceiver: true).digest }

    @Test("Displaced: Online on the phone that logged in, and no more on the computer it displaced")
    func displaced() throws {
        var facts = Facts("alice")
        facts.change(7_260_000, .login, .register, "Windows:default:Xdv9uwZyHziN", .online)
        facts.change(
            180_000, .login, .register, "iPhone:9f3c:k3J9dUwY2Hzi", .online, kicked: ["Windows:default:Xdv9uwZyHziN"])
        facts.record(
            "iPhone:9f3c:k3J9dUwY2Hzi", login: 180_000, left: 340_000,
            details: try ClientDetails(address: "10.1.2.3", network: "wifi", version: "8.1"), link: "17")
        #expect(
            text(facts) == """
                alice is Online, last change 2026-11-21T09:23:43.597Z (3 min ago)

                Why
                  iPhone:9f3c is Online: it is logged in, and its heartbeat timer runs for
                  another 5 min.

                Sessions
                  iPhone:9f3c is Online
                    since       2026-11-21T09:23:43.597Z (3 min ago)
                    logged in   2026-11-21T09:23:43.597Z (3 min ago)
                    generation  k3J9dUwY2Hzi
                    client      10.1.2.3, wifi, version 8.1
                    worker      host-Ab3dE6, WebSocket 17
                    heartbeat   timer ends 2026-11-21T09:32:23.597Z (in 5 min)

                Sessions that are over
                  Windows:default was displaced by a login on iPhone:9f3c
                    ended       2026-11-21T09:23:43.597Z (3 min ago)
                    logged in   2026-11-21T07:25:43.597Z (2 h ago)
                    generation  Xdv9uwZyHziN

                Changes that are kept, oldest first
                  2026-11-21T07:25:43.597Z  Login/Register  Windows:default
                    session Online, user Online
                    delivered
                  2026-11-21T09:23:43.597Z  Login/Register  iPhone:9f3c
                    session Online, user Online, displaced Windows:default
                    delivered

                Shard 71
                  owner     host-Ab3dE6, live
                  swept     412 ms ago
                  grace     none
                  deadline  2026-11-21T09:32:23.597Z (in 5 min)
                  events    0 wait, 0 set aside, 0 dead letters

                Rules (adopted, digest \(digest))
                  policy    single, over the limit: kick
                  receiver  yes
                  Windows   heartbeat every 2 min, lost after 400 s, then Offline
                            1 at once; a login ends those on Android, Linux, Mac, MiniProgram,
                            Web, iPad, iPhone
                  iPhone    heartbeat every 2 min, lost after 400 s, then PushOnline for 7 d
                            1 at once; a login ends those on Android, Linux, Mac, MiniProgram,
                            Web, Windows, iPad

                The same with redis-cli
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL 'presence:{071}:user:alice'
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL 'presence:{071}:recent:alice'
                  redis-cli -h 10.0.0.5 -p 6379 PTTL 'presence:{071}:lease:alice:iPhone:9f3c:k3J9dUwY2Hzi'
                  redis-cli -h 10.0.0.5 -p 6379 ZSCORE 'presence:{071}:deadlines' alice
                  redis-cli -h 10.0.0.5 -p 6379 XRANGE 'presence:{071}:events' 1795245943597-0 1795245943597-0
                  redis-cli -h 10.0.0.5 -p 6379 XRANGE 'presence:{071}:events' 1795253023597-0 1795253023597-0
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL 'presence:{071}:cursor'
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL 'presence:{071}:owner'
                  redis-cli -h 10.0.0.5 -p 6379 GET 'presence:{071}:grace'
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL presence:rules
                """)
    }

    @Test("Lost, and settled late: Offline, as heartbeats stayed away, and the sweep came 14 s after the timer's end")
    func lost() {
        var facts = Facts("bob")
        facts.change(400_000, .login, .register, "Web:tab1:Xdv9uwZyHziN", .online)
        facts.change(
            300_000, .disconnect, .linkClose, "Web:tab1:Xdv9uwZyHziN", .offline, note: "\(nowMs - 314_000)", attempts: 3
        )
        #expect(
            text(facts).hasPrefix(
                """
                bob is Offline, last change 2026-11-21T09:21:43.597Z (5 min ago)

                Why
                  No session is left. The last one, Web:tab1, fell silent, and was settled 14 s
                  after its timer ended.

                Sessions that are over
                  Web:tab1 fell silent, and was settled 14 s after its timer ended
                    ended       2026-11-21T09:21:43.597Z (5 min ago)
                    logged in   2026-11-21T09:20:03.597Z (6 min ago)
                    generation  Xdv9uwZyHziN

                Changes that are kept, oldest first
                  2026-11-21T09:20:03.597Z  Login/Register  Web:tab1
                    session Online, user Online
                    delivered
                  2026-11-21T09:21:43.597Z  Disconnect/LinkClose  Web:tab1
                    session Offline, user Offline, settled 14 s after its timer ended
                    delivered after 3 attempts

                """))
    }

    @Test("Set aside: Online, and the receiver does not know, as it fails for this user's events alone")
    func aside() {
        var facts = Facts("cat")
        let login = facts.change(60_000, .login, .register, "Mac:default:Xdv9uwZyHziN", .online)
        let logout = facts.change(30_000, .disconnect, .linkClose, "Mac:default:Xdv9uwZyHziN", .offline)
        let again = facts.change(20_000, .login, .register, "Mac:default:k3J9dUwY2Hzi", .online)
        facts.facts.aside = [
            OutboxEntry(position: "\(nowMs - 45_000)-0", change: login.change, attempts: 6),
            OutboxEntry(position: "\(nowMs - 29_000)-0", change: logout.change),
        ]
        facts.facts.shard.cursor = logout.position
        facts.facts.shard.backlog = 3
        facts.facts.shard.asideCount = 2
        facts.record("Mac:default:k3J9dUwY2Hzi", login: 20_000, left: 380_000)
        #expect(again.change?.userStatus == .online)
        let text = text(facts)
        #expect(
            text.hasPrefix(
                """
                cat is Online, last change 2026-11-21T09:26:23.597Z (20 s ago)

                Why
                  Mac:default is Online: it is logged in, and its heartbeat timer runs for
                  another 6 min.
                  The receiver does not know all of it: of this user's changes it has not
                  accepted 1 waiting, 2 set aside.

                """), "\(text)")
        #expect(
            text.contains(
                """
                Changes that are kept, oldest first
                  2026-11-21T09:25:43.597Z  Login/Register  Mac:default
                    session Online, user Online
                    set aside 45 s ago after 6 attempts; tried again every 2 to 30 s
                  2026-11-21T09:26:13.597Z  Disconnect/LinkClose  Mac:default
                    session Offline, user Offline
                    set aside 29 s ago; behind 1 of the user before it
                  2026-11-21T09:26:23.597Z  Login/Register  Mac:default
                    session Online, user Online
                    waits to be delivered, as 3 events of the shard do

                """), "\(text)")
        #expect(text.contains("events    3 wait, 2 set aside, 0 dead letters\n"))
    }

    @Test("Kicked by an operator: Offline, with the reason that was given")
    func kicked() {
        var facts = Facts("dan")
        facts.change(500_000, .login, .register, "Android:a1:Xdv9uwZyHziN", .online)
        facts.change(
            9_000, .logout, .kicked, "Android:a1:Xdv9uwZyHziN", .offline, note: "stolen phone")
        #expect(
            text(facts).hasPrefix(
                """
                dan is Offline, last change 2026-11-21T09:26:34.597Z (9 s ago)

                Why
                  No session is left. The last one, Android:a1, was kicked by an operator:
                  "stolen phone".

                Sessions that are over
                  Android:a1 was kicked by an operator: "stolen phone"
                    ended       2026-11-21T09:26:34.597Z (9 s ago)
                    logged in   2026-11-21T09:18:23.597Z (8 min ago)
                    generation  Xdv9uwZyHziN

                """))
    }

    @Test("Never seen: what that can mean, and where was looked")
    func neverSeen() {
        #expect(
            text(Facts("Eve", rules: nil)) == """
                Eve is Offline, and not on record

                Why
                  Nobody of this name is on record. Either no client of this user has logged in
                  here yet, or the last session ended more than 7 d ago (offline.retention-ms).
                  Ids are compared byte by byte: case, blanks and the spelling of accents count.
                  Looked for under the prefix presence.

                Shard 71
                  owner     host-Ab3dE6, live
                  swept     412 ms ago
                  grace     none
                  deadline  none
                  events    0 wait, 0 set aside, 0 dead letters

                Rules (none stand: the defaults)
                  policy    single, over the limit: kick
                  receiver  none: changes are told to nobody

                The same with redis-cli
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL 'presence:{071}:user:Eve'
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL 'presence:{071}:recent:Eve'
                  redis-cli -h 10.0.0.5 -p 6379 ZSCORE 'presence:{071}:deadlines' Eve
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL 'presence:{071}:cursor'
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL 'presence:{071}:owner'
                  redis-cli -h 10.0.0.5 -p 6379 GET 'presence:{071}:grace'
                  redis-cli -h 10.0.0.5 -p 6379 HGETALL presence:rules
                """)
    }

    @Test("A timer that is gone: due to be settled, in grace until a moment, or nobody sweeps")
    func timers() {
        func why(_ change: (inout Facts) -> Void) -> [String] {
            var facts = Facts("fay")
            facts.record("Web:a:Xdv9uwZyHziN", login: 100_000, left: nil)
            facts.facts.deadline = .at(nowMs - 300)
            change(&facts)
            return UserStory(facts.facts, commandLine: "redis-cli").why
        }
        #expect(
            why { _ in } == ["Web:a is still Online: its heartbeat timer has ended, and the next sweep settles it."])
        let grace = why { $0.facts.shard.graceBeganMs = nowMs - 1_000 }
        #expect(grace.first?.contains("A heartbeat until 2026-11-21T09:27:13.847Z revives it.") == true, "\(grace)")
        let over = why { $0.facts.shard.graceBeganMs = nowMs - 32_000 }
        #expect(over.first?.contains("the next sweep settles it") == true, "\(over)")
        let later = why { $0.facts.shard.graceBeganMs = nowMs - 100_001 }
        #expect(later.first?.contains("the next sweep settles it") == true, "\(later)")
        let unswept = why { $0.facts.shard.sweptAtMs = nowMs - 15_001 }
        #expect(unswept.first?.contains("no worker has swept its shard since 2026-11-21T09:26:28.596Z") == true)
        let missing = why { $0.facts.deadline = .none }
        #expect(missing.last?.contains("not among the deadlines") == true)
        let stray = why {
            $0.facts.timers[session("Web:a:Xdv9uwZyHziN")] = UserFacts.Timers(leaseLeftMs: -1, pushLeftMs: 5)
        }
        #expect(stray.contains { $0.contains("has no end") } && stray.contains { $0.contains("another status") })
    }

    @Test("A change that should be kept and is not is told, the last on record too; one too old to be kept is not")
    func missing() {
        var facts = Facts("gus")
        facts.change(90_000, .login, .register, "Web:a:Xdv9uwZyHziN", .online)
        facts.change(60_000, .logout, .unregister, "Web:a:Xdv9uwZyHziN", .offline)
        facts.change(30_000, .login, .register, "Web:a:k3J9dUwY2Hzi", .online)
        var lost = facts
        lost.facts.events.remove(at: 1)
        lost.facts.presence.version += 5
        let story = UserStory(lost.facts, commandLine: "redis-cli")
        #expect(story.changes.map(\.missesOneBefore) == [false, true])
        #expect(story.why.contains { $0.contains("that of version \(nowMs - 60_000) was lost") })
        #expect(story.why.contains { $0.contains("version \(nowMs - 29_995), has no event") })
        var trimmed = facts
        trimmed.facts.events.removeFirst(2)
        trimmed.facts.shard.firstEvent = "\(nowMs - 50_000)-0"
        #expect(UserStory(trimmed.facts, commandLine: "redis-cli").changes.map(\.missesOneBefore) == [false])
    }

    @Test("Dead letters tell when, after how many attempts and why; nobody to be told is no delivery")
    func dead() throws {
        var facts = Facts("hal", rules: StoreOptions(worker: "a").rules(hasReceiver: false))
        let login = facts.change(90_000, .login, .register, "Web:a:Xdv9uwZyHziN", .online)
        facts.change(60_000, .logout, .unregister, "Web:a:Xdv9uwZyHziN", .offline)
        facts.facts.dead = [
            DeadLetter(
                entry: OutboxEntry(position: "\(nowMs - 70_000)-3", change: login.change, attempts: 9), why: "HTTP 400")
        ]
        let story = UserStory(facts.facts, commandLine: "redis-cli")
        #expect(story.changes.map(\.fate) == [.dead(sinceMs: nowMs - 70_000, attempts: 9, why: "HTTP 400"), .untold])
        #expect(
            story.text.contains(
                "dead letter since 2026-11-21T09:25:33.597Z (70 s ago) after 9 attempts: HTTP\n    400\n"))
        #expect(story.commands.contains { $0.contains("XRANGE 'presence:{071}:dead' \(nowMs - 70_000)-3") })
    }

    @Test("No line of text is longer than 80 columns, whatever a client told, but for single words and commands")
    func columns() throws {
        var facts = Facts(String(repeating: "u ", count: 30) + "u")
        facts.change(90_000, .login, .register, "Web:a:Xdv9uwZyHziN", .online)
        let words = String(repeating: "word ", count: 20) + "word"
        facts.record(
            "Web:a:Xdv9uwZyHziN", login: 90_000, left: 5_000,
            details: try ClientDetails(address: "10.1.2.3", network: words, version: words))
        let text = text(facts).prefix { $0 != "\u{0}" }
        for line in text.split(separator: "\n").dropFirst() where !line.contains("redis-cli") {
            #expect(line.count <= 80, "\(line)")
        }
    }

    @Test("The JSON form says the same, times in milliseconds")
    func json() throws {
        var facts = Facts("alice")
        facts.change(180_000, .login, .register, "iPhone:9f3c:k3J9dUwY2Hzi", .online, kicked: ["Web:a:Xdv9uwZyHziN"])
        facts.record("iPhone:9f3c:k3J9dUwY2Hzi", login: 180_000, left: 340_000, link: "17")
        let story = UserStory(facts.facts, commandLine: "redis-cli")
        let json = try JSON(parsing: story.jsonText)
        #expect(json["status"].string == "Online" && json["at"].int == nowMs && json["isKnown"].bool == true)
        #expect(json["sessions"][0]["timer"]["endsAt"].int == nowMs + 340_000)
        #expect(json["sessions"][0]["session"].string == "iPhone:9f3c:k3J9dUwY2Hzi")
        #expect(json["ended"][0]["how"].string == "displaced")
        #expect(json["ended"][0]["by"].string == "iPhone:9f3c:k3J9dUwY2Hzi")
        #expect(json["changes"][0]["event"]["state"].string == "delivered")
        #expect(json["changes"][0]["kicked"][0].string == "Web:a:Xdv9uwZyHziN")
        #expect(json["rules"]["platforms"][1]["timeoutMs"].int == 400_000)
        #expect(json["commands"].list.count == story.commands.count)
    }
}
