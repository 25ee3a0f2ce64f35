import Foundation
import PresenceProtocol
import Support
import Testing

/// What the browser's client says and understands, as its source has it, held against this module. Whoever adds to one
/// side has to add to the other, or to name here what a browser does without.
@Suite("client.js and the documentation speak the protocol of this module")
struct VocabularyTests {
    private let client: String
    private let page: String

    init() throws {
        client = try Repository.text("Sources/PresenceAPI/client.js")
        page = try DocumentationPage.named("Clients").text
    }

    /// The first groups of all matches in the client.
    private func all(_ pattern: String, in text: String? = nil) throws -> [String] {
        (text ?? client).matches(of: try Regex(pattern, as: (Substring, Substring).self)).map { String($0.output.1) }
    }

    private func has(_ code: String) -> Bool { client.contains(code) }

    /// The names in braces behind such a beginning: `#welcomed({ session, resumed, heartbeat })`.
    private func names(behind beginning: String) throws -> [String] {
        let list = try #require(try all(beginning + #"\{ (.*) \}"#).first, "\(beginning)")
        return list.split(separator: ", ").map { String($0.prefix { $0.isLetter }) }
    }

    /// The members of a message, and of the objects in it.
    private func members(_ text: String) throws -> Set<String> {
        func names(_ json: JSON) -> [String] {
            guard case .object(let object) = json else { return [] }
            return object.flatMap { [$0.key] + names($0.value) }
        }
        return Set(names(try JSON(parsing: text)))
    }

    @Test("It says every message of a client, with its members")
    func says() throws {
        let said = try all(#"\{ (type: "\w+"[^}]*) \}"#).map { literal in
            let members = literal.components(separatedBy: ", ")
            return Set(members.map { $0.replacing(/type: "(\w+)"/) { "type=\($0.output.1)" } })
        }
        let expected = try ClientMessage.Kind.allCases.map { kind in
            let example = try #require(kind.examples.first)
            let members = try members(example.text).subtracting(["type"])
            return members.union(["type=\(kind.rawValue)"])
        }
        #expect(Set(said) == Set(expected))
    }

    @Test("It has a case for every message of the gateway, and for no other")
    func hears() throws {
        let cases = try all(#"case "(\w+)":"#)
        #expect(cases.sorted() == ServerMessage.Kind.allCases.map(\.rawValue).sorted())
    }

    @Test("It reads every member of the gateway's messages but those for people and backends")
    func members() throws {
        let read: [ServerMessage.Kind: Set<String>] = [
            .welcome: Set(try names(behind: #"#welcomed\("#) + names(behind: #"function patience\("#)),
            .heartbeat: Set(try all(#"message\.(\w+)\) this\.#send"#)),
            .unrecorded: [], .logout: [],
            // Told to the page as they are, which the class's comment names.
            .kicked: Set(try all(#"`kicked` (\{.*\}):"#).flatMap { try all(#"(\w+)\??[:,}]"#, in: $0) }),
            .error: Set(try names(behind: #"#failed\("#)),
        ]
        let unread: [ServerMessage.Kind: Set<String>] = [.welcome: ["version"], .error: ["field"]]
        for kind in ServerMessage.Kind.allCases {
            let written = try kind.examples.reduce(into: Set<String>()) { members, message in
                members.formUnion(try self.members(message.text))
            }
            #expect(read[kind]?.union(unread[kind] ?? []) == written.subtracting(["type"]), "\(kind)")
        }
    }

    @Test("It stays away after the same codes, each by name, and obeys the same two that say when to come back")
    func closeCodes() throws {
        let table = try #require(try all(#"(?s)const refusals = \{(.*?)\};"#).first)
        let named = try all(#"(\d+): ""#, in: table).compactMap { UInt16($0) }
        let final = CloseCode.allCases.map(\.rawValue).filter { ComeBack(code: $0, reason: "") == .never }
        #expect(named.sorted() == final.sorted())
        #expect(
            has(
                "code >= \(ComeBack.neverCodes.lowerBound) && code <= \(ComeBack.neverCodes.upperBound)"))
        #expect(try all(#"code === (101\d)"#) == ["1012", "1013"])
        #expect(has(ComeBack.reason(afterMs: 0).replacing("0", with: #"(\d+)"#)))
    }

    @Test("It asks with the same parameters, but for those it has nothing to say to; the token stays out of its URL")
    func parameters() throws {
        let said = try names(behind: "this.#query = ") + all(#"query\.set\("(\w+)""#)
        let unsaid: [ConnectQuery.Parameter] = [.version, .network, .token]
        #expect((said + unsaid.map(\.rawValue)).sorted() == ConnectQuery.Parameter.allCases.map(\.rawValue).sorted())
        #expect(has("${this.#url}\(ConnectQuery.path)?"))
    }

    @Test("It has the same patience")
    func rules() throws {
        func constant(_ name: String) throws -> Int? {
            try all(#"const \#(name) = ([\d_]+);"#).first.flatMap { Int($0.replacing("_", with: "")) }
        }
        let milliseconds = [
            ("pauseMsFirst", ClientRules.pauseFirst), ("pauseMsMost", ClientRules.pauseMost),
            ("askedPauseMsMost", ClientRules.askedPauseMost), ("welcomeTimeoutMs", ClientRules.welcomeWithin),
            ("logoutTimeoutMs", ClientRules.logoutWithin),
            ("answerTimeoutMs", ClientRules.patience(timeout: .seconds(3_600))),
        ]
        for (name, rule) in milliseconds {
            let value = try constant(name)
            #expect(value.map { .milliseconds($0) } == rule, "\(name)")
        }
        #expect(try constant("silentSocketsMax") == ClientRules.silentSocketsMax)
        #expect(has("(interval + timeout) * 500") && has("timeout * 100"))
    }

    @Test("The documentation names every parameter, close code and error code")
    func documentationTables() {
        func isNamed(_ text: String) -> Bool { page.contains(text) }
        for parameter in ConnectQuery.Parameter.allCases { #expect(isNamed("`\(parameter.rawValue)`")) }
        for code in CloseCode.allCases { #expect(isNamed("\(code.rawValue)"), "\(code)") }
        for code in ServerMessage.ErrorCode.all { #expect(isNamed("`\(code.rawValue)`"), "\(code)") }
        #expect(isNamed("at most \(ProtocolLimits.clientMessageBytesMax) bytes"))
    }
}
