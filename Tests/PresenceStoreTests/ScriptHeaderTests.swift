import RedisClient
import Testing

@testable import PresenceStore

@Suite struct ScriptHeaderTests {
    @Test("A script binds the KEYS and ARGV its header names, each in the order given there", arguments: texts)
    func positions(_ script: ScriptText) {
        for table in ["KEYS", "ARGV"] {
            let header = script.header(table)
            let isUnpacked = script.body.contains("unpack(\(table))")
            let bound = isUnpacked ? Set(1...script.unpacked(table)) : script.numbers(of: table)
            #expect(Set(header.numbers) == bound, "\(table)")
            #expect(header.open.count <= 1, "\(table)")
        }
    }

    @Test("A script names what it takes before it does anything", arguments: texts)
    func names(_ script: ScriptText) {
        let lines = script.body.split(separator: "\n")
        let first = lines.firstIndex {
            $0.contains("redis.call") || $0.contains("read_user") || $0.contains("is_owner")
        }
        let used = lines[(first ?? lines.startIndex)...].filter { $0.contains(/(KEYS|ARGV)\[\d+\]/) }
        #expect(used.isEmpty, "\(used)")
    }

    @Test("A script returns the words its header names", arguments: texts)
    func returns(_ script: ScriptText) {
        let returned = script.body.matches(of: /(?:return|local answer =|answer, \w+ =|deadlines =) \{ '(\w+)'/)
            .map { String($0.1) }
        let settled = script.body.matches(of: /answer, \w+ = \{ '(\w+)'/).map { String($0.1) }
        let lists = script.body.matches(of: /local \w+, answer, \w+, \w+ = \{\}, \{ '(\w+)'/).map { String($0.1) }
        let named = Set(script.alternatives("Returns").map { String($0.prefix { $0 != " " }) })
        #expect(named == Set(returned + settled + lists))
        #expect(named.subtracting(["unreadable"]) == script.words)
    }

    @Test("A script emits the events its header names", arguments: texts)
    func emits(_ script: ScriptText) {
        var emitted = Set(script.body.matches(of: /'(Login|Logout|Disconnect)', '(\w+)',/).map { "\($0.1)/\($0.2)" })
        emitted.formUnion(script.body.matches(of: /write_logout\(.*?'(\w+)'/).map { "Logout/\($0.1)" })
        let lost = script.body.matches(of: /write_lost\(.*, (?:'(\w+)'|[\w.]+)\)/)
            .map { $0.1.map { ["Disconnect/\($0)"] } }
        emitted.formUnion(lost.flatMap { $0 ?? ["Disconnect/TimeOut", "Disconnect/LinkClose"] })
        #expect(Set(script.alternatives("Emits")) == emitted)
    }

    @Test("A script has for other workers what its header names", arguments: texts)
    func tells(_ script: ScriptText) {
        let told = script.body.matches(of: /tell\(.*'(\w+)/).map { String($0.1) }
        #expect(Set(script.alternatives("Tells")) == Set(told))
    }

    @Test("Before a change every command that one may call to write is asked for, and no other")
    func checked() throws {
        let change = try #require(Scripts.parts.first { $0.name == "change" }?.text)
        let asked = change.matches(of: /must_run\('(\w+)'/).map { String($0.1) }
        let changes = zip(Scripts.all, Self.texts).filter { $1.beginsChange != nil }
        let called = changes.flatMap { known, _ in ScriptText.calls(in: known.script.source) }
        #expect(Set(asked) == Set(called).subtracting(Self.reads))
    }

    @Test("A script begins its change before it writes", arguments: texts)
    func begins(_ script: ScriptText) {
        guard let begin = script.beginsChange else { return }
        for line in script.bodyLines[..<begin] {
            #expect(!line.contains(/\b(write|tell)\w*\(/))
            #expect(Self.reads.isSuperset(of: ScriptText.calls(in: line)), "\(line)")
        }
    }

    @Test("A script uses the parts it names, and no others", arguments: texts)
    func parts(_ script: ScriptText) {
        for part in Scripts.parts {
            let functions = part.text.matches(of: /local function (\w+)/).map { String($0.1) }
            let isUsed = functions.contains { script.body.contains("\($0)(") }
            #expect(isUsed == script.uses.contains(part.name), "\(part.name)")
        }
    }

    @Test(
        "Every script but login may run when Redis is out of memory, and what only asks also on a replica",
        arguments: texts)
    func flags(_ script: ScriptText) {
        let asking = ["check_permissions", "look_at_users", "look_at_shard", "page_users"]
        let flags = asking.reduce(into: ["login_session": ""]) { $0[$1] = " flags=no-writes" }
        #expect(script.lines[0] == "#!lua" + (flags[script.name] ?? " flags=allow-oom"))
    }

    @Test("A script says first what it is for, and its code is 60 lines at most", arguments: texts)
    func size(_ script: ScriptText) {
        #expect(script.lines[1].hasPrefix("-- ") && !script.lines[1].hasPrefix("-- KEYS"))
        #expect(script.body.split(separator: "\n").count <= 60)
    }

    @Test("Scripts have names and digests of their own")
    func distinct() {
        let all = Scripts.all + Scripts.ofInspection
        #expect(Set(all.map(\.script.name)).count == all.count)
        #expect(Set(all.map(\.script.sha1)).count == all.count)
    }

    static let texts = (Scripts.all + Scripts.ofInspection).map(ScriptText.init)
    /// Of the commands a change calls, those that write nothing.
    private static let reads: Set = ["GET", "HGET", "HGETALL", "PTTL", "TIME", "TYPE"]
}

/// A script's own lines, without the parts it uses.
struct ScriptText: Sendable, CustomTestStringConvertible {
    let name: String
    /// Those the store knows.
    let words: Set<String>
    let lines: [String]
    var testDescription: String { name }

    init(_ known: KnownScript) {
        name = known.script.name
        words = known.words
        let own = Scripts.parts.reduce(known.script.source) { $0.replacing($1.text, with: "") }
        lines = own.split(separator: "\n").map(String.init)
    }

    var bodyLines: [String] { lines.filter { !$0.hasPrefix("--") && !$0.hasPrefix("#!") } }
    var body: String { bodyLines.joined(separator: "\n") }

    /// The line of the body in which a change of the shard begins; nil for a script that makes none.
    var beginsChange: Int? { bodyLines.firstIndex { $0.contains("begin_change(shard, ") } }

    static func calls(in text: String) -> [String] {
        text.matches(of: /redis\.p?call\('(\w+)'/).map { String($0.1) }
    }

    var uses: [String] { alternatives("Uses").flatMap { $0.split(separator: " ").map(String.init) } }

    func numbers(of table: String) -> Set<Int> {
        Set(body.matches(of: /(KEYS|ARGV)\[(\d+)\]/).filter { $0.1 == table }.compactMap { Int($0.2) })
    }

    /// How many names `local a, b = unpack(KEYS)` gives.
    func unpacked(_ table: String) -> Int {
        let line = lines.first { $0.hasSuffix("= unpack(\(table))") } ?? ""
        return line.prefix { $0 != "=" }.split(separator: ",").count
    }

    /// The positions the header names, and those from which on there may be more (`7..`).
    func header(_ title: String) -> (numbers: [Int], open: [Int]) {
        let words = lines.filter { $0.hasPrefix("-- \(title) ") }
            .flatMap { $0.replacing(/\(.*?\)/, with: "").split(separator: " ").dropFirst(2) }
        return (
            words.compactMap { Int($0) }, words.filter { $0.hasSuffix("..") }.compactMap { Int($0.dropLast(2)) }
        )
    }

    /// The alternatives of a header line, separated by `|`.
    func alternatives(_ title: String) -> [String] {
        lines.filter { $0.hasPrefix("-- \(title) ") }
            .flatMap { $0.dropFirst(title.count + 4).split(separator: " | ").map(String.init) }
    }
}
