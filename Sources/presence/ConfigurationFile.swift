import PresenceCore
import Yams

/// A configuration file: what it says for each key, and in which line. JSON is read as the YAML it is.
///
/// A value is what is written, whatever type YAML sees in it, so that it means the same as in a variable.
struct ConfigurationFile {
    private static let bytesMax = 1_048_576

    private let path: String
    private var lines: [Substring] = []
    private(set) var values: [String: ConfigurationValue] = [:]
    private(set) var platformNames: Set<String> = []

    /// - Parameter place: where the path was given.
    /// - Throws: what is wrong with the file or one of its keys, and where.
    init(_ path: String, named place: ConfigurationPlace) throws(StartError) {
        self.path = path
        do {
            // The nodes refer weakly to what the parser holds.
            var text = try TextFile.read(path, bytesMax: Self.bytesMax)
            if path.lowercased().hasSuffix(".json") { text = Self.joiningSurrogates(text) }
            lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            let parser = try Parser(yaml: text)
            try withExtendedLifetime(parser) {
                guard let root = try parser.singleRoot(), !root.isNull else { return }
                guard let keys = root.mapping else {
                    throw refused(root, "a configuration file must hold keys and values, as {\"port\": 8080}")
                }
                try read(keys, under: [])
            }
        } catch let error as StartError {
            throw error
        } catch let error as TextFile.Unusable {
            throw ConfigurationKey.config.refused(
                because: "names \(path.debugDescription), which \(error.reason)", at: place)
        } catch {
            throw malformed(error)
        }
    }

    /// JSON escapes what lies beyond 16 bits in two parts (RFC 8259, section 7), which YAML does not know: they become
    /// the character. Any other escape is left as it is, two backslashes before a `u` among them.
    private static func joiningSurrogates(_ json: String) -> String {
        let escape = /\\(?:u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})|.)/
        return json.replacing(escape.matchingSemantics(.unicodeScalar)) { match in
            guard let high = match.1.flatMap({ UInt16($0, radix: 16) }),
                let low = match.2.flatMap({ UInt16($0, radix: 16) })
            else { return String(match.0) }
            return String(decoding: [high, low], as: UTF16.self)
        }
    }

    private mutating func read(_ keys: Node.Mapping, under section: [String]) throws(StartError) {
        for (key, value) in keys {
            guard let word = key.scalar?.string else { throw refused(key, "a key must be text") }
            let name = (section + [word]).joined(separator: ".")
            if let known = Self.key(named: name) {
                try set(known, to: value)
            } else if Self.isSection(name) {
                if value.isNull { continue }
                guard let keys = value.mapping else {
                    throw refused(value, "\"\(name)\" must hold keys, not a value")
                }
                try read(keys, under: section + [word])
            } else {
                throw unknown(name, at: key)
            }
        }
    }

    private mutating func set(_ key: ConfigurationKey, to node: Node) throws(StartError) {
        if key.isSecret { try refuseComment(behind: node) }
        if node.isNull { return }
        let place = place(of: node)
        guard values[key.name] == nil else { throw refused(node, "\"\(key.name)\" stands here for the second time") }
        guard let content = try content(of: node) else {
            throw key.refused(because: "must be \(key.accepted), not keys or lists within", at: place)
        }
        values[key.name] = ConfigurationValue(content, at: place)
        let parts = key.name.split(separator: ".")
        if parts.first == "platforms" { platformNames.insert(String(parts[1])) }
    }

    /// nil for what no key can have.
    private func content(of node: Node) throws(StartError) -> ConfigurationValue.Content? {
        if let scalar = node.scalar { return .text(try text(of: scalar, node)) }
        guard let sequence = node.sequence else { return nil }
        var entries: [String] = []
        for entry in sequence {
            guard let scalar = entry.scalar, !entry.isNull else { return nil }
            entries.append(try text(of: scalar, entry))
        }
        return .list(entries)
    }

    /// Of `abc #def` YAML takes `abc`, which may be half a secret.
    private func refuseComment(behind node: Node) throws(StartError) {
        for entry in node.sequence.map(Array.init) ?? [node] {
            guard let scalar = entry.scalar, scalar.style == .plain, let mark = scalar.mark,
                lines.indices.contains(mark.line - 1)
            else { continue }
            let rest = String(lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1))
            guard rest.contains(/(^|\s)#/) else { continue }
            throw refused(entry, "# begins a comment: put it in a line of its own, or quote the secret it is part of")
        }
    }

    /// `&x`, `*x` and `!x` at the start of a value are taken away by YAML: a secret would be another one.
    private func text(of scalar: Node.Scalar, _ node: Node) throws(StartError) -> String {
        guard scalar.anchor == nil, ["", Tag.Name.str.rawValue].contains(scalar.tag.rawValue) else {
            throw refused(node, "anchors and tags are not understood: quote a value that begins with & * or !")
        }
        return scalar.string
    }
}

extension ConfigurationFile {
    private static func key(named name: String) -> ConfigurationKey? {
        if let key = ConfigurationKey.known.first(where: { $0.name == name }) {
            return name == ConfigurationKey.config.name ? nil : key
        }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "platforms" else { return nil }
        return ConfigurationKey.platform(String(parts[1])).all.first { $0.name == name }
    }

    private static func isSection(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        if parts[0] == "platforms" { return parts.count < 3 }
        return ConfigurationKey.known.contains { $0.name.hasPrefix(name + ".") }
    }

    private func unknown(_ name: String, at node: Node) -> StartError {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let platformKeys = parts.count == 3 ? ConfigurationKey.platform(String(parts[1])).all : []
        let names = (ConfigurationKey.known + platformKeys).map(\.name).filter { $0 != ConfigurationKey.config.name }
        let meant = names.nearest(to: name)
        return refused(
            node,
            "there is no key \(name.debugDescription)"
                + (meant.map { ", is \($0) meant?" } ?? "; presence serve --help shows all"))
    }

    private func place(of node: Node) -> ConfigurationPlace {
        .file(path, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    private func refused(_ node: Node, _ complaint: String) -> StartError {
        refused(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1, complaint)
    }

    private func refused(line: Int, column: Int, _ complaint: String) -> StartError {
        StartError(.configuration, "\(path), line \(line), column \(column): \(complaint).")
    }

    /// Says what the parser found, without the lines it shows: they may hold secrets.
    private func malformed(_ error: any Error) -> StartError {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let part = context.map { "\($0.text) (from line \($0.mark.line)) " } ?? ""
            return refused(line: mark.line, column: mark.column, "this is not JSON or YAML: \(part)\(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            return refused(
                line: context.mark.line, column: context.mark.column,
                "\(keys.map(\.debugDescription).joined(separator: ", ")) stands more than once in one place")
        case .reader(let problem, let offset?, _, let text):
            let lines = text.prefix(offset).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            return refused(
                line: lines.count, column: (lines.last?.count ?? 0) + 1, "this is not JSON or YAML: \(problem)")
        default:
            return StartError(.configuration, "\(path) is not JSON or YAML.", underlying: error)
        }
    }
}

extension Node {
    /// `null`, `~` or nothing at all, not in quotes: the key is not set.
    fileprivate var isNull: Bool {
        guard let scalar, scalar.style == .plain, scalar.anchor == nil, scalar.tag.rawValue.isEmpty else {
            return false
        }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }
}
