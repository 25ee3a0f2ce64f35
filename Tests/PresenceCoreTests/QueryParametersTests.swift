import PresenceCore
import Testing

@Suite("The parameters of a query")
struct QueryParametersTests {
    enum Name: String, CaseIterable {
        case user, platform, network
    }

    private func read(_ query: String, plusIsBlank: Bool = false) throws(InvalidInput) -> [Name: [UInt8]] {
        let parameters = try QueryParameters<Name>(query[...], plusIsBlank: plusIsBlank)
        let given = Name.allCases.compactMap { name in parameters[name].map { (name, Array($0.utf8)) } }
        return Dictionary(uniqueKeysWithValues: given)
    }

    @Test(
        "They are split at their bytes and decoded once; others, and those without a value, are ignored",
        arguments: [
            ("", [:]), ("user", [:]), ("user=", [:]), ("user=a%26b%3Dc", [.user: "a&b=c"]),
            ("user=a=b?c", [.user: "a=b?c"]), ("&&user=a&&platform=Web&", [.user: "a", .platform: "Web"]),
            ("user=a+b%2B", [.user: "a+b+"]), ("user=%2541", [.user: "%41"]),
            ("user=%EF%BB%BFann", [.user: "\u{FEFF}ann"]), ("%75ser=ann", [:]), ("User=ann", [:]),
            ("user=a&\u{301}network=x", [.user: "a"]), ("user=\u{301}x", [.user: "\u{301}x"]),
            ("user\u{301}=x", [:]), ("news=%&user=a&news=%", [.user: "a"]),
        ] as [(String, [Name: String])])
    func values(_ query: String, _ expected: [Name: String]) throws {
        let parameters = try read(query)
        #expect(parameters == expected.mapValues { Array($0.utf8) })
    }

    @Test("A plus is a blank in form data only")
    func plus() throws {
        let form = try read("user=a+b%2B", plusIsBlank: true)
        #expect(form == [.user: Array("a b+".utf8)])
    }

    @Test(
        "What cannot be decoded is refused by name",
        arguments: ["%", "%4", "%GG", "%+4", "%FF", "%C3", "%C0%AF", "%ED%A0%80", "%EF%BBann"])
    func undecodable(_ value: String) {
        let error = #expect(throws: InvalidInput.self) { try read("platform=Web&user=\(value)") }
        #expect(error == InvalidInput(field: "user", message: "must be percent-encoded UTF-8"))
    }

    @Test("One given twice is refused by name, also with the same value or none", arguments: ["b", "a", ""])
    func twice(_ second: String) {
        let error = #expect(throws: InvalidInput.self) { try read("user=a&platform=Web&user=\(second)") }
        #expect(error == InvalidInput(field: "user", message: "is given twice"))
    }
}
