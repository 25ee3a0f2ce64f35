import Faults
import Support
import Testing

@Suite("The page of faults")
struct FaultsPageTests {
    /// A row of the table of results.
    struct Row: Hashable {
        var name: String
        var rounds: Int
        var operations: Int
        var violations: Int
        var command: String

        static func all(in text: String) -> [Row] {
            text.matches(of: /\| `([a-z0-9-]+)` \| (\d+) \| (\d+) \| (\d+) \| `(.+)` \|/).map { match in
                Row(
                    name: String(match.1), rounds: Int(match.2) ?? 0, operations: Int(match.3) ?? 0,
                    violations: Int(match.4) ?? -1, command: String(match.5))
            }
        }
    }

    private static var names: [String] { Nemeses.all.map(\.name) + Trial.allCases.map(\.rawValue) }

    @Test("It tells every invariant, as the checker has it")
    func invariants() throws {
        let page = try DocumentationPage.named("Faults").text
        for invariant in Invariant.all { #expect(page.contains("| `\(invariant.name)` | \(invariant.sentence) |")) }
    }

    @Test("It tells every fault")
    func faults() throws {
        let page = try DocumentationPage.named("Faults").text
        let told = page.prefix(upTo: page.firstRange(of: "## What was found")?.lowerBound ?? page.startIndex)
        for name in Self.names {
            let short = name.hasPrefix("receiver-") ? String(name.dropFirst(8)) : name
            #expect(told.contains("`\(name)`") || told.contains("`\(short)`"), "\(name) is not on the page")
        }
    }

    @Test("Its table has what came of every fault, and the command that makes it again")
    func results() throws {
        let rows = Row.all(in: try DocumentationPage.named("Faults").text)
        #expect(rows.map(\.name) == Self.names)
        for row in rows {
            #expect(row.rounds > 0 && row.operations > 0 && row.violations == 0, "\(row.name)")
            let arguments = Trial(rawValue: row.name)?.arguments(seed: 1, seconds: 8) ?? " --seed 1 --seconds 8"
            #expect(row.command == "Scripts/fault --only \(row.name)\(arguments)")
        }
    }

    @Test("The README's table is a part of it, and its sums are those of all")
    func readme() throws {
        let (page, readme) = (try DocumentationPage.named("Faults").text, try DocumentationPage.readme().text)
        let (all, some) = (Row.all(in: page), Row.all(in: readme))
        #expect(some.count > 10 && Set(some).isSubset(of: all))
        let rounds = all.map(\.rounds).reduce(0, +)
        let operations = all.map(\.operations).reduce(0, +)
        #expect(readme.contains("\(all.count) faults, \(rounds) rounds, \(operations) operations, 0 violations"))
    }
}
