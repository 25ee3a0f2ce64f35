import RedisClient
import Testing

@testable import PresenceStore

@Suite struct ScriptHeaderTests {
    static let prelude = Prelude(String(decoding: PackageResources.prelude_lua, as: UTF8.self))

    @Test("A script's KEYS are those its header names", arguments: Scripts.all.map(ScriptText.init))
    func keys(_ script: ScriptText) {
        let literal = script.numbers(of: "KEYS").union(Self.prelude.keysUsed(by: script.body))
        #expect(Set(script.header("KEYS").numbers) == literal)
        let open = script.body.matches(of: /declared_sessions\(\d+, (\d+)\)|(\d+) \+ 2 \*/)
        #expect(script.header("KEYS").open == open.compactMap { ($0.1 ?? $0.2).flatMap { Int($0) } })
    }

    @Test("A script's ARGV are those its header names", arguments: Scripts.all.map(ScriptText.init))
    func arguments(_ script: ScriptText) {
        #expect(Set(script.header("ARGV").numbers) == script.numbers(of: "ARGV"))
        let open = script.body.matches(of: /declared_sessions\((\d+),|for i = (\d+), #ARGV/)
        #expect(script.header("ARGV").open == open.compactMap { ($0.1 ?? $0.2).flatMap { Int($0) } })
    }

    @Test("A script returns the words its header names", arguments: Scripts.all.map(ScriptText.init))
    func returns(_ script: ScriptText) {
        let returned = script.body.matches(of: /(?:return|local answer =) \{ '(\w+)'/).map { String($0.1) }
        #expect(Set(script.alternatives("Returns").map { String($0.prefix { $0 != " " }) }) == Set(returned))
    }

    @Test("A script emits the events its header names", arguments: Scripts.all.map(ScriptText.init))
    func emits(_ script: ScriptText) {
        var emitted = Set(script.body.matches(of: /write_event\(.*'(\w+)', '(\w+)',/).map { "\($0.1)/\($0.2)" })
        emitted.formUnion(script.body.matches(of: /write_logout\(.*'(\w+)',/).map { "Logout/\($0.1)" })
        let lost = script.body.matches(of: /write_lost\((?:.*'(\w+)',)?/).map { $0.1.map { ["Disconnect/\($0)"] } }
        emitted.formUnion(lost.flatMap { $0 ?? ["Disconnect/TimeOut", "Disconnect/LinkClose"] })
        #expect(Set(script.alternatives("Emits")) == emitted)
    }

    @Test("A script tells other workers what its header names", arguments: Scripts.all.map(ScriptText.init))
    func tells(_ script: ScriptText) {
        let told = script.body.matches(of: /tell\(.*'(\w+)/).map { String($0.1) }
        #expect(script.alternatives("Tells") == told)
    }

    @Test("A script hands Redis no key but those it was given", arguments: Scripts.all.map(ScriptText.init))
    func firstKeys(_ script: ScriptText) {
        let bound = script.body.matches(of: /local ([\w, ]+) = (KEYS\[\d\].*)/).flatMap { $0.1.split(separator: ", ") }
        let given =
            /KEYS\[\d\]|key|keys\.(?:lease|push)|declared\[session\]\.lease|online and keys\.lease or keys\.push/
        for call in (script.body + Self.prelude.text).matches(of: /redis\.call\('(\w+)'(?:, ([^,)]+))?/) {
            guard call.1 != "TIME" else { continue }
            let key = call.2 ?? ""
            #expect((try? given.wholeMatch(in: key)) != nil || bound.contains(key), "\(call.0)")
        }
    }

    @Test("Every script but login may run when Redis is out of memory", arguments: Scripts.all.map(ScriptText.init))
    func flags(_ script: ScriptText) {
        #expect(script.lines[0] == (script.name == "login_session" ? "#!lua" : "#!lua flags=allow-oom"))
    }

    @Test("A script says first what it is for and is 60 lines at most", arguments: Scripts.all.map(ScriptText.init))
    func size(_ script: ScriptText) {
        #expect(script.lines[1].hasPrefix("-- ") && !script.lines[1].hasPrefix("-- KEYS"))
        #expect(script.lines.count <= 60)
    }

    @Test("Scripts have names and digests of their own")
    func distinct() {
        #expect(Set(Scripts.all.map(\.name)).count == Scripts.all.count)
        #expect(Set(Scripts.all.map(\.sha1)).count == Scripts.all.count)
    }
}

/// A script's own lines, without the prelude.
struct ScriptText: Sendable, CustomTestStringConvertible {
    let name: String
    let lines: [String]
    var testDescription: String { name }

    init(_ script: RedisScript) {
        name = script.name
        let prelude = ScriptHeaderTests.prelude.text
        lines = script.source.replacing(prelude, with: "").split(separator: "\n").map(String.init)
    }

    var body: String { lines.filter { !$0.hasPrefix("--") && !$0.hasPrefix("#!") }.joined(separator: "\n") }

    func numbers(of table: String) -> Set<Int> {
        Set(body.matches(of: /(KEYS|ARGV)\[(\d+)\]/).filter { $0.1 == table }.compactMap { Int($0.2) })
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

/// What stands before every script.
struct Prelude: Sendable {
    let text: String
    /// Every function with its source.
    private let functions: [(name: String, source: String)]

    init(_ text: String) {
        self.text = text
        functions = text.split(separator: "\nlocal function ").dropFirst().map { function in
            (String(function.prefix { $0 != "(" }), String(function))
        }
    }

    /// The KEYS that the functions called in this code use, themselves and through others.
    func keysUsed(by code: String) -> Set<Int> {
        var keys: Set<Int> = []
        var code = code
        for function in functions.reversed() where code.contains("\(function.name)(") {
            code += function.source
            keys.formUnion(function.source.matches(of: /KEYS\[(\d)\]/).compactMap { Int($0.1) })
        }
        return keys
    }
}
