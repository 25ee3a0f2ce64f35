import Foundation

/// The README, or a page of the reference beside it, as people read it.
package struct DocumentationPage: Sendable {
    /// What stands between two lines of three back-ticks.
    package struct Block: Sendable {
        /// `sh`; empty where nothing is said.
        package let language: String
        package let lines: [String]
        /// What a comment on the line before says of it.
        package let mark: String?

        package var text: String { lines.joined(separator: "\n") }
    }

    package static let folder = "Sources/presence/Documentation.docc"

    /// In the repository: `README.md`.
    package let path: String
    package let text: String
    package let blocks: [Block]
    /// The lines that stand in no block.
    package let prose: [String]

    package var name: String { URL(filePath: path).deletingPathExtension().lastPathComponent }

    private init(path: String) throws {
        self.path = path
        text = try Repository.text(path)
        (blocks, prose) = Self.divide(text)
    }

    package static func readme() throws -> DocumentationPage { try DocumentationPage(path: "README.md") }

    /// - Parameter name: without folder and suffix: `API`.
    package static func named(_ name: String) throws -> DocumentationPage {
        try DocumentationPage(path: "\(folder)/\(name).md")
    }

    /// The reference, without the README.
    package static func reference() throws -> [DocumentationPage] {
        try FileManager.default.contentsOfDirectory(atPath: Repository.root.appending(path: folder).path)
            .filter { $0.hasSuffix(".md") }.sorted().map { try DocumentationPage(path: "\(folder)/\($0)") }
    }

    package static func all() throws -> [DocumentationPage] { try [readme()] + reference() }

    /// The only block in this language, or the only one that has a text.
    package func block(_ language: String, containing text: String? = nil) throws -> Block {
        let found = blocks.filter { $0.language == language && (text.map($0.text.contains) ?? true) }
        guard found.count == 1 else {
            throw TimedOut(
                description: "\(path) has \(found.count) blocks of \(language) with \"\(text ?? "")\", not one")
        }
        return found[0]
    }

    /// What stands below a heading, down to the next of the same or a higher level: `section("## Keys of a line")`.
    package func section(_ heading: String) throws -> String {
        guard let start = text.range(of: "\n\(heading)\n") else {
            throw TimedOut(description: "\(path) has no heading \"\(heading)\"")
        }
        let level = heading.prefix { $0 == "#" }.count
        let rest = text[start.upperBound...]
        let end = try rest.firstRange(of: Regex("\n#{1,\(level)} "))
        return String(rest[..<(end?.lowerBound ?? rest.endIndex)])
    }

    /// What a link can name behind a `#`, as code hosts make it of the headings.
    package var anchors: [String] {
        prose.filter { $0.hasPrefix("#") }.map { heading in
            heading.drop { $0 == "#" }.dropFirst().lowercased().replacing(" ", with: "-")
                .filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
        }
    }

    /// Where its links go: `API.md#errors`.
    package var links: [String] {
        prose.flatMap { $0.replacing(/`[^`]*`/, with: "").matches(of: /\]\(([^)\s]+)\)/).map { String($0.output.1) } }
    }

    private static func divide(_ text: String) -> (blocks: [Block], prose: [String]) {
        var blocks: [Block] = []
        var prose: [String] = []
        var open: (language: String, lines: [String])?
        for line in text.components(separatedBy: "\n") {
            if let block = open, line == "```" {
                let mark = prose.last?.wholeMatch(of: /<!-- (.+) -->/)?.output.1
                blocks.append(Block(language: block.language, lines: block.lines, mark: mark.map(String.init)))
                open = nil
            } else if open != nil {
                open?.lines.append(line)
            } else if line.hasPrefix("```") {
                open = (String(line.dropFirst(3)), [])
            } else {
                prose.append(line)
            }
        }
        return (blocks, prose)
    }
}
