import Foundation
import Support
import Testing

@Suite("README and reference")
struct DocumentationTests {
    @Test("Every relative link leads to a file, and to a heading of it")
    func links() throws {
        for page in try DocumentationPage.all() {
            for link in page.links where !link.contains("://") {
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let folder = Repository.root.appending(path: page.path).deletingLastPathComponent()
                let file =
                    parts[0].isEmpty
                    ? Repository.root.appending(path: page.path) : folder.appending(path: parts[0]).standardized
                let name = file.deletingPathExtension().lastPathComponent
                #expect(FileManager.default.fileExists(atPath: file.path), "\(page.path) links to \(link)")
                guard parts.count == 2 else { continue }
                let target = try name == "README" ? DocumentationPage.readme() : DocumentationPage.named(name)
                #expect(target.anchors.contains(String(parts[1])), "\(page.path) links to \(link)")
            }
        }
    }

    @Test("Every page is in the README's list and on the reference's first page")
    func found() throws {
        let readme = try DocumentationPage.readme().links
        let first = try DocumentationPage.named("Presence").links
        for page in try DocumentationPage.reference() where page.name != "Presence" {
            #expect(readme.contains(page.path), "the README does not link to \(page.path)")
            #expect(first.contains("\(page.name).md"), "Presence.md does not link to \(page.name).md")
        }
    }

    @Test("Every page says in its first sentence for whom it is, and is short enough to be read")
    func pages() throws {
        #expect(
            try DocumentationPage.readme().text.split(separator: "\n", omittingEmptySubsequences: false).count <= 300)
        for page in try DocumentationPage.reference() {
            let lines = page.text.components(separatedBy: "\n")
            #expect(lines.count <= 250, "\(page.path) has \(lines.count) lines")
            #expect(lines[0].hasPrefix("# ") && lines[1].isEmpty, "\(page.path) begins with a title")
            #expect(lines[2].hasPrefix("For ") && lines[3].isEmpty, "\(page.path): \(lines[2])")
            #expect(page.anchors.count == Set(page.anchors).count, "\(page.path) has a heading twice")
        }
    }

    @Test("Every shell command that is printed is run by a test, or says why not")
    func commands() throws {
        for page in try DocumentationPage.all() {
            for block in page.blocks where block.language == "sh" {
                let isRun = PrintedCommands.allCases.contains { block.text.contains($0.rawValue) }
                let mark = block.mark ?? ""
                if let test = mark.wholeMatch(of: /run by (\w+)/)?.output.1 {
                    #expect(try Self.hasTest(String(test)), "\(page.path): there is no \(test).swift")
                } else {
                    let isExcused = mark.starts(with: "not run: ")
                    #expect(isRun != isExcused, "\(page.path): nothing runs, or says why not:\n\(block.text)")
                }
            }
        }
        for commands in PrintedCommands.allCases { _ = try commands.block() }
    }

    @Test("The README's figures are those of the page about capacity")
    func figures() throws {
        let figures = try DocumentationPage.readme().section("## Figures").components(separatedBy: "\n")
        let rows = figures.filter { $0.hasPrefix("| ") }
        let known = try DocumentationPage.named("Capacity").text.components(separatedBy: "\n")
        #expect(rows.count > 4)
        for row in rows { #expect(known.contains(row), "\(row)") }
    }

    private static func hasTest(_ name: String) throws -> Bool {
        let tests = Repository.root.appending(path: "Tests")
        return try FileManager.default.subpathsOfDirectory(atPath: tests.path).contains {
            $0.hasSuffix("/\(name).swift")
        }
    }
}
