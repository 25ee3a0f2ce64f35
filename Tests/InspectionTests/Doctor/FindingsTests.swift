import Foundation
import PresenceCore
import PresenceStore
import Testing

@testable import Inspection

@Suite("Findings")
struct FindingsTests {
    @Test("The table of the documentation has every code, and what each means")
    func documentation() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Sources/presence/Documentation.docc/Doctor.md")
        #expect(try String(contentsOf: page, encoding: .utf8).contains(FindingCode.markdownTable))
    }

    @Test("Of many alike the first are kept and all are counted; the worst come first")
    func bounded() {
        var findings = Findings()
        findings.add(Finding(.grace, "shard 1"))
        for number in 0..<1_000 { findings.add(Finding(.ghost, "user \(number)"), number == 0 ? .mended : nil) }
        #expect(findings.sorted.map(\.code) == [.ghost, .grace])
        #expect(findings.groups[.ghost]?.first.count == Findings.subjectsMax)
        #expect(findings.left(.critical) == 999 && findings.left(.note) == 1)
        #expect(findings.areTold)
        #expect("\(findings)".contains("critical ghost (1000, 1 mended)") && "\(findings)".contains("and 980 more"))
    }

    @Test("Notes, and what was mended, are nothing to do")
    func quiet() {
        var findings = Findings()
        findings.add(Finding(.grace, "shard 1"))
        findings.add(Finding(.ghost, "ann"), .mended)
        #expect(!findings.areTold)
        findings.add(Finding(.ghost, "bob"), .failed)
        #expect(findings.areTold)
    }

    @Test("What still stands with other figures is not mended, nor what could not be seen again")
    func mending() {
        let ghost = Finding(.ghost, "ann", "looked at in 900 s")
        #expect(Mending(of: ghost, left: [Finding(.ghost, "ann", "looked at in 899 s")]) == .failed)
        #expect(Mending(of: ghost, left: nil) == .failed)
        #expect(Mending(of: ghost, left: [Finding(.lateDeadline, "ann")]) == .mended)
        #expect(Mending(of: ghost, left: []) == .mended)
    }

    @Test("A key is told by its name, whatever is in the user's id")
    func keys() throws {
        let keys = KeySpace(prefix: "presence", shards: 300)
        let options = StoreOptions(worker: "a")
        let session = try SessionID("Web:1.2-x:g1")
        for id in ["ann", "a:b", "lease:x:Web:1:g", "{}", "e\u{301}", "\u{301}", " ", "👩‍👩‍👧"] {
            let user = try UserID(id)
            func key(_ name: String) -> AuditKey { AuditKey(name, keys: keys, options: options) }
            #expect(key(keys.user(user)) == .record(user))
            #expect(key(keys.lease(user, session)) == .timer(user, session, .online))
            #expect(key(keys.push(user, session)) == .timer(user, session, .pushOnline))
            #expect(key(keys.revoked(user)) == .ending(withinMs: options.userSigAgeMaxMs))
            let other = (keys.shard(of: user) + 1) % 300
            let tag = keys.owner(other).dropLast("owner".count)
            #expect(key("\(tag)user:\(id)") == .misplaced)
        }
        func key(_ name: String) -> AuditKey { AuditKey(name, keys: keys, options: options) }
        #expect(key(keys.events(3)) == .lasting && key(keys.workers) == .lasting)
        #expect(key(keys.canary("w:1", 3)) == .ending(withinMs: 2_000))
        for name in ["presence:x", "presence:{1}:events", "\(keys.events(3))2", "presence:{x}:user:ann"] {
            #expect(key(name) == .stray)
        }
    }
}
