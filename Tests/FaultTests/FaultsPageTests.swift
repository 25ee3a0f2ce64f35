import Faults
import Support
import Testing

@Suite("The page of faults")
struct FaultsPageTests {
    @Test("It tells every invariant, as the checker has it")
    func invariants() throws {
        let page = try DocumentationPage.named("Faults").text
        for invariant in Invariant.all { #expect(page.contains("| `\(invariant.name)` | \(invariant.sentence) |")) }
    }

    @Test("It tells every fault")
    func faults() throws {
        let page = try DocumentationPage.named("Faults").text
        for name in Nemeses.all.map(\.name) {
            let short = name.hasPrefix("receiver-") ? String(name.dropFirst(8)) : name
            #expect(page.contains("`\(name)`") || page.contains("`\(short)`"), "\(name) is not on the page")
        }
    }
}
