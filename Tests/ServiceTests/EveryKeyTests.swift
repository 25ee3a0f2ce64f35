import Support
import Testing

@testable import presence

/// Every key of the table, also of those that are yet to come: whatever is done to a good value, it is taken as the very
/// same value or refused by a sentence that names the key.
@Suite("Every key of the configuration")
struct EveryKeyTests {
    private let folder: String
    private let every: EveryKey

    init() throws {
        folder = try temporaryFolder("every-key")
        every = try EveryKey(folder: folder)
    }

    @Test("takes a good value from each of its sources as the same", arguments: EveryKey.keys.map(\.name))
    func good(_ name: String) throws {
        defer { removeFolder(folder) }
        let key = try key(name)
        let outcomes = try EveryKey.sources(of: key).map { try every.outcome(key, every.good(key), in: $0) }
        guard case .accepted = outcomes[0] else {
            Issue.record("\(outcomes[0])")
            return
        }
        let areSame = outcomes.allSatisfy { $0 == outcomes[0] }
        #expect(areSame)
        if key.isSecret {
            let isSame = try every.outcome(key, inSecretFile: every.good(key)) == outcomes[0]
            #expect(isSame)
        }
    }

    @Test("does not see white space around its value", arguments: EveryKey.keys.map(\.name))
    func whiteSpace(_ name: String) throws {
        defer { removeFolder(folder) }
        let key = try key(name)
        let good = every.good(key)
        for source in EveryKey.sources(of: key) where source != .plainYAML {
            let outcome = try every.outcome(key, good, in: source)
            for space in ["\n", " ", "\r", "\r\n", "\t", "\u{A0}", "\u{FEFF}"] {
                for text in [space + good, good + space] {
                    let isSame = try every.outcome(key, text, in: source) == outcome
                    #expect(isSame, "\(source) \(text.debugDescription)")
                }
            }
        }
    }

    @Test("refuses a good value in quotes, in pieces, or as another type", arguments: EveryKey.keys.map(\.name))
    func misspelled(_ name: String) throws {
        defer { removeFolder(folder) }
        let key = try key(name)
        let good = every.good(key)
        for text in [
            "\"\(good)\"", "'\(good)'", "\"\"", "''", good.prefix(1) + "\n" + good.dropFirst(), good + "\u{7F}",
        ] {
            for source in EveryKey.sources(of: key) where source != .plainYAML {
                expectRefused(
                    key, try every.outcome(key, String(text), in: source), "\(source) \(text.debugDescription)")
            }
        }
        for raw in ["{\"a\": 1}", "[[\"a\"]]", "[{\"a\": 1}]", "[null]"] where !isFlagOnly(key) {
            for source in [Source.json, .yaml] {
                expectRefused(key, try every.outcome(key, raw: raw, in: source), "\(source) \(raw)")
            }
        }
    }

    @Test("takes a list only where it is one, and null for nothing", arguments: EveryKey.keys.map(\.name))
    func types(_ name: String) throws {
        defer { removeFolder(folder) }
        let key = try key(name)
        if isFlagOnly(key) { return }
        for source in [Source.json, .yaml] {
            let entries = every.good(key).split(separator: ",").map { "\"\($0)\"" }
            let outcome = try every.outcome(key, raw: "[\(entries.joined(separator: ", "))]", in: source)
            if case .list = key.kind {
                let isSame = try outcome == every.outcome(key, every.good(key), in: source)
                #expect(isSame)
            } else {
                expectRefused(key, outcome, "a list")
            }
            let empty = try every.outcome(key, "", in: source)
            for raw in ["null", "\" \""] {
                let isSame = try every.outcome(key, raw: raw, in: source) == empty
                #expect(isSame, "\(source) \(raw)")
            }
        }
    }

    /// As text these may be another value, as a number, a word or a truth never.
    @Test("says of any text the same in all its sources", arguments: EveryKey.keys.map(\.name))
    func strange(_ name: String) throws {
        defer { removeFolder(folder) }
        let key = try key(name)
        let texts = [
            "99999999999999999999", "-99999999999999999999", "-1", "+1", "01", "1.0", "1.5", "1e3", "0x10", "0b1",
            "0o7",
            "1_000", "1,5", "٣", "１", "true", "false", "TRUE", "yes", "on", "NaN", "inf", "\u{200B}1", "\\", "%", "a=b",
            "ä", "\u{1F600}", "../..", "$HOME", "${PORT}", String(repeating: "9", count: 5_000),
        ]
        for text in texts {
            let sources = EveryKey.sources(of: key).filter { $0 != .plainYAML }
            let outcomes = try sources.map { try every.outcome(key, text, in: $0) }
            for (source, outcome) in zip(sources, outcomes) {
                if case .refused(let message) = outcome {
                    #expect(names(message, key), "\(source) \(text.debugDescription): \(message)")
                }
                let isLike = outcome.isLike(outcomes[0])
                #expect(isLike, "\(source) \(text.debugDescription)")
            }
            if key.isClosed, text != every.good(key), !key.accepts(text) {
                expectRefused(key, outcomes[0], text)
            }
        }
    }

    @Test("that is a number takes the ends of its range and nothing beyond", arguments: EveryKey.keys.map(\.name))
    func ends(_ name: String) throws {
        defer { removeFolder(folder) }
        let key = try key(name)
        guard case .number(let range) = key.kind else { return }
        for text in [
            "\(range.lowerBound - 1)", "\(range.upperBound + 1)", "0\(every.good(key))", "+\(every.good(key))",
        ] {
            for source in EveryKey.sources(of: key) {
                expectRefused(key, try every.outcome(key, text, in: source), "\(source) \(text)")
            }
        }
    }

    private func key(_ name: String) throws -> ConfigurationKey {
        try #require(EveryKey.keys.first { $0.name == name })
    }

    private func isFlagOnly(_ key: ConfigurationKey) -> Bool { key.name == ConfigurationKey.config.name }

    private func expectRefused(_ key: ConfigurationKey, _ outcome: EveryKey.Outcome, _ comment: String) {
        switch outcome {
        case .accepted: Issue.record("\(key.name) accepts \(comment)")
        case .refused(let message): #expect(names(message, key), "\(comment): \(message)")
        }
    }

    private func names(_ message: String, _ key: ConfigurationKey) -> Bool {
        [key.name, key.flag, key.variable].contains { message.contains($0) }
    }
}

extension EveryKey.Outcome {
    /// Refusals may differ in the place they name.
    fileprivate func isLike(_ other: EveryKey.Outcome) -> Bool {
        if case .refused = self, case .refused = other { return true }
        return self == other
    }
}

extension ConfigurationKey {
    /// All its values are known.
    fileprivate var isClosed: Bool {
        switch kind {
        case .number, .choice, .boolean: true
        case .text, .list: false
        }
    }
}
