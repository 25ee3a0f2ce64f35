import JSON

/// One thing that is not as it has to be.
package struct Finding: Sendable, Hashable {
    package var code: FindingCode
    /// What it is about: a server, worker, shard or key.
    package var subject: String
    /// Figures and names, as `swept 12 s ago`; may be empty.
    package var detail: String

    package init(_ code: FindingCode, _ subject: String, _ detail: String = "") {
        self.code = code
        self.subject = subject
        self.detail = detail
    }
}

/// What became of a finding under `--fix`.
package enum Mending: String, Sendable {
    case mended
    case failed

    /// - Parameter left: what was found at a second look; nil where there was none.
    init(of finding: Finding, left: [Finding]?) {
        self = left.map { [finding].standing(since: $0).isEmpty } == true ? .mended : .failed
    }
}

/// Findings as they come, each code once: of many alike the first are kept and all are counted, so that a ruined Redis
/// takes no more memory than a healthy one.
package struct Findings: Sendable {
    /// Subjects kept of each code.
    package static let subjectsMax = 20

    package struct Group: Sendable {
        package var count = 0
        package var mended = 0
        package fileprivate(set) var first: [(finding: Finding, mending: Mending?)] = []
    }

    package private(set) var groups: [FindingCode: Group] = [:]

    package init() {}

    package mutating func add(_ finding: Finding, _ mending: Mending? = nil) {
        var group = groups[finding.code] ?? Group()
        group.count += 1
        if mending == .mended { group.mended += 1 }
        if group.first.count < Self.subjectsMax { group.first.append((finding, mending)) }
        groups[finding.code] = group
    }

    package mutating func add(_ findings: some Sequence<Finding>) {
        for finding in findings { add(finding) }
    }

    /// Adds what another part of the examination found.
    package mutating func add(_ others: Findings) {
        for (code, other) in others.groups {
            var group = groups[code] ?? Group()
            group.count += other.count
            group.mended += other.mended
            group.first = Array((group.first + other.first).prefix(Self.subjectsMax))
            groups[code] = group
        }
    }

    package var isEmpty: Bool { groups.isEmpty }

    /// The worst first.
    package var sorted: [(code: FindingCode, group: Group)] {
        groups.map { (code: $0.key, group: $0.value) }.sorted {
            ($0.code.severity, $0.code.rawValue) < ($1.code.severity, $1.code.rawValue)
        }
    }

    /// How many there are of a severity, beside those that were mended.
    package func left(_ severity: Severity) -> Int {
        groups.reduce(0) { $0 + ($1.key.severity == severity ? $1.value.count - $1.value.mended : 0) }
    }

    package var mended: Int { groups.values.reduce(0) { $0 + $1.mended } }

    /// Whether something that was to be mended was not.
    package var hasUnmended: Bool { groups.contains { $0.key.isFixable && $0.value.mended < $0.value.count } }

    /// Whether there is anything but notes and what was mended.
    package var areTold: Bool { left(.critical) + left(.warning) > 0 }
}

extension Findings: JSONWritable {
    package func write(to json: inout JSONWriter) { json.array(sorted.map { Entry(code: $0.code, group: $0.group) }) }

    private struct Entry: JSONWritable {
        let code: FindingCode
        let group: Group

        func write(to json: inout JSONWriter) {
            json.object { json in
                json.member("code", code.rawValue)
                json.member("severity", code.severity.rawValue)
                json.member("count", group.count)
                json.member("mended", group.mended)
                json.member("fixable", code.isFixable)
                json.member("meaning", code.meaning)
                json.member("advice", code.advice)
                json.member("subjects", group.first.map { Subject(finding: $0.finding, mending: $0.mending) })
            }
        }
    }

    private struct Subject: JSONWritable {
        let finding: Finding
        let mending: Mending?

        func write(to json: inout JSONWriter) {
            json.object { json in
                json.member("subject", finding.subject)
                if !finding.detail.isEmpty { json.member("detail", finding.detail) }
                json.member("fix", ifPresent: mending?.rawValue)
            }
        }
    }
}

extension Findings: CustomStringConvertible {
    /// For a terminal.
    package var description: String { lines.joined(separator: "\n") }

    package var lines: [String] {
        sorted.flatMap { code, group in
            let mended = group.mended > 0 ? ", \(group.mended) mended" : ""
            let head = "\(code.severity.rawValue) \(code.rawValue) (\(group.count)\(mended)): \(code.meaning)"
            let subjects = group.first.map { finding, mending in
                "    \(finding.subject)\(finding.detail.isEmpty ? "" : ": \(finding.detail)")"
                    + (mending.map { " [\($0.rawValue)]" } ?? "")
            }
            let more = group.count > group.first.count ? ["    and \(group.count - group.first.count) more"] : []
            let advice = group.mended < group.count ? ["  -> \(code.advice)"] : []
            return [head] + subjects + more + advice
        }
    }
}
