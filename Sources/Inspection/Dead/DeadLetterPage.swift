import JSON
import PresenceCore
import PresenceStore

/// Where one dead letter is: `71/1795253203597-0`, the shard and the entry of its stream.
package struct LetterName: Sendable, Hashable, CustomStringConvertible {
    package let shard: Shard
    package let entry: String
    package var description: String { "\(shard)/\(entry)" }

    package init(shard: Shard, entry: String) { (self.shard, self.entry) = (shard, entry) }

    /// - Throws: `InvalidInput` where it is none.
    package init(_ text: String, shards: Int) throws(InvalidInput) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let shard = Int(parts[0]), (0..<shards).contains(shard),
            parts[1].wholeMatch(of: /\d{1,15}-\d{1,15}/) != nil
        else {
            throw InvalidInput(
                field: "letter", message: "must be one that presence dead list prints, as 71/1795253203597-0")
        }
        self.init(shard: shard, entry: String(parts[1]))
    }
}

/// Dead letters as they are listed: how many for which reason, and a page of them, the latest changes first.
package struct DeadLetterPage: Sendable {
    private let first: Int
    private let limit: Int
    package private(set) var reasons: [String: Int] = [:]
    package private(set) var unreadable = 0
    private var latest: [(name: LetterName, letter: DeadLetter)] = []
    /// How many of all shards looked at were ever lost for want of room, and how many operators dropped.
    package var gone = GoneLetters()

    /// - Parameters:
    ///   - first: how many to leave out.
    ///   - limit: how many to list.
    package init(first: Int, limit: Int) { (self.first, self.limit) = (first, limit) }

    package var count: Int { reasons.values.reduce(0, +) }

    package mutating func add(_ letter: DeadLetter, of shard: Shard) {
        guard letter.entry.change != nil else {
            unreadable += 1
            return
        }
        reasons[letter.why, default: 0] += 1
        latest.append((LetterName(shard: shard, entry: letter.entry.position), letter))
        // More than are listed are not kept.
        if latest.count >= 2 * (first + limit) + 1_024 { latest = sorted(first + limit) }
    }

    private func sorted(_ count: Int) -> [(name: LetterName, letter: DeadLetter)] {
        func order(_ letter: DeadLetter) -> (Int, Int) {
            (letter.entry.change?.atMs ?? 0, letter.entry.change?.version ?? 0)
        }
        return Array(latest.sorted { order($0.letter) > order($1.letter) }.prefix(count))
    }

    package var letters: [(name: LetterName, letter: DeadLetter)] { Array(sorted(first + limit).dropFirst(first)) }

    /// For a terminal.
    package func lines(nowMs: Int) -> [String] {
        var lines = [count == 1 ? "1 dead letter" : "\(count) dead letters"]
        for (why, count) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            lines.append("  \(count)  \(why)")
        }
        if unreadable > 0 { lines.append("  \(unreadable)  cannot be read by this version") }
        if gone.dropped > 0 { lines.append("\(gone.dropped) were dropped before, for want of room") }
        if gone.discarded > 0 { lines.append("\(gone.discarded) were dropped before, by operators") }
        for (name, letter) in letters {
            guard let change = letter.entry.change else { continue }
            lines.append("")
            lines.append("\(name)  \(letter.words(nowMs: nowMs))")
            lines.append("  \(WatchedChange.line(change))")
        }
        let shown = first + letters.count
        if shown < count { lines += ["", "\(count - shown) more: --skip \(shown)"] }
        return lines
    }
}

extension DeadLetter {
    /// `dead for 3 min after 9 attempts: HTTP 400`
    package func words(nowMs: Int) -> String {
        let since = nowMs - (StreamPosition.milliseconds(entry.position) ?? nowMs)
        let attempts = entry.attempts > 0 ? " after \(entry.attempts) attempts" : ""
        return "dead for \(Times.span(max(0, since)))\(attempts): \(why)"
    }
}

/// The page as one JSON document.
extension DeadLetterPage: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("count", count)
            json.member("unreadable", unreadable)
            json.member("dropped", gone.dropped)
            json.member("discarded", gone.discarded)
            json.member("reasons", reasons)
            json.member("letters", letters.map { ToldLetter(name: $0.name, letter: $0.letter) })
        }
    }
}

/// A dead letter in JSON.
package struct ToldLetter: JSONWritable, Sendable {
    let name: LetterName
    let letter: DeadLetter
    /// The callback body it would be posted as, in JSON.
    let body: String?

    package init(name: LetterName, letter: DeadLetter, body: String? = nil) {
        (self.name, self.letter, self.body) = (name, letter, body)
    }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("letter", name.description)
            json.member("diedAt", ifPresent: StreamPosition.milliseconds(letter.entry.position))
            json.member("why", letter.why)
            if letter.entry.attempts > 0 { json.member("attempts", letter.entry.attempts) }
            json.member("change", ifPresent: letter.entry.change.map { ToldChange($0) })
            json.member("body", ifPresent: body.map { RawJSON(text: $0) })
        }
    }
}

/// JSON that is there already.
struct RawJSON: JSONWritable {
    let text: String

    func write(to json: inout JSONWriter) { json.literal(text) }
}
