import PresenceCore
import RedisClient

/// A change as it stands in the outbox of its shard, among the events set aside, or among the dead letters.
package struct OutboxEntry: Sendable, Equatable {
    /// Its place in its stream, `<ms>-<sequence>`. Orders the stream; not an id to give to receivers.
    package var position: String
    /// The change; nil if the entry is none this version can read.
    package var change: StatusChange?
    /// The attempts made at it, as far as they are written down: of one set aside those before it was, of a dead letter
    /// all.
    package var attempts: Int

    /// The event's own id; empty if it cannot be read.
    package var id: String { change?.id ?? "" }

    package init(position: String, change: StatusChange?, attempts: Int = 0) {
        self.position = position
        self.change = change
        self.attempts = attempts
    }
}

/// Why an event will not be delivered, and what it was.
package struct DeadLetter: Sendable, Equatable {
    package var entry: OutboxEntry
    package var why: String

    package init(entry: OutboxEntry, why: String) {
        self.entry = entry
        self.why = why
    }
}

extension OutboxEntry {
    /// Reads an entry of a stream: its position and its fields.
    init?(_ value: RedisValue) {
        guard let entry = value.array, entry.count == 2, let position = entry[0].string, let fields = entry[1].array
        else { return nil }
        self.init(position: position, fields: fields[...])
    }

    /// Reads an entry of the notes on attempts that has all of its event, behind the event's id and their number.
    static func noted(_ value: RedisValue) -> OutboxEntry? {
        guard let entry = value.array, entry.count == 2, let position = entry[0].string, let fields = entry[1].array,
            fields.count > 4
        else { return nil }
        return OutboxEntry(position: position, fields: fields.dropFirst(4))
    }

    fileprivate init(position: String, fields: ArraySlice<RedisValue>) {
        // Behind those of every event: in the log there is nothing there.
        let more = fields.dropFirst(2 * StatusChange.names.count)
        self.init(
            position: position, change: StatusChange(fields, at: position),
            attempts: Self.value(of: "attempts", in: more).flatMap { Int($0) } ?? 0)
    }

    /// The value of a field; nil where there is none of this name.
    static func value(of name: String, in fields: ArraySlice<RedisValue>) -> String? {
        let names = stride(from: fields.startIndex, to: fields.endIndex - 1, by: 2)
        return names.first { fields[$0] == .string(name) }.flatMap { fields[$0 + 1].string }
    }
}

extension DeadLetter {
    init?(_ value: RedisValue) {
        guard let entry = value.array, entry.count == 2, let position = entry[0].string, let fields = entry[1].array,
            fields.count >= 2, fields[0] == .string("refused"), let why = fields[1].string
        else { return nil }
        self.init(entry: OutboxEntry(position: position, fields: fields.dropFirst(2)), why: why)
    }
}

extension StatusChange {
    fileprivate static let names = [
        "user", "version", "previous", "action", "reason", "session", "status", "userStatus", "address", "kicked",
        "note",
    ]
    /// Those that entries of earlier versions lack.
    private static let laterNames = ["request", "traceparent"]

    /// Reads what the scripts' `write_event` wrote: names and values in turn, always the same in the same order; what
    /// a later version adds stands behind them. One set aside or dead has its first position before them.
    /// - Parameter position: of the entry; the time of the change is part of it.
    init?(_ fields: ArraySlice<RedisValue>, at position: String) {
        var fields = fields
        var position = position
        if fields.count >= 2, fields[fields.startIndex] == .string("position") {
            guard let first = fields[fields.startIndex + 1].string else { return nil }
            position = first
            fields = fields.dropFirst(2)
        }
        guard fields.count >= 2 * Self.names.count else { return nil }
        let start = fields.startIndex
        func text(_ index: Int) -> String? {
            guard case .string(let name) = fields[start + 2 * index], name == Self.names[index],
                case .string(let value) = fields[start + 2 * index + 1]
            else { return nil }
            return value
        }
        func laterText(_ index: Int) -> String {
            let place = start + 2 * (Self.names.count + index)
            guard fields.endIndex >= place + 2, fields[place] == .string(Self.laterNames[index]),
                case .string(let value) = fields[place + 1]
            else { return "" }
            return value
        }
        guard let user = text(0).flatMap({ try? UserID($0) }), let version = text(1).flatMap({ Int($0) }),
            let previous = text(2).flatMap({ Int($0) }), let action = text(3).flatMap(Action.init),
            let reason = text(4).flatMap(Reason.init), let session = text(5).flatMap({ try? SessionID($0) }),
            let status = text(6).flatMap(Status.init), let userStatus = text(7).flatMap(Status.init),
            let address = text(8), let kicked = text(9), let note = text(10),
            let committed = Int(position.utf8.prefix { $0 != UInt8(ascii: "-") }.decoded)
        else { return nil }
        self.init(
            id: "\(session.generation.rawValue)-\(version)", user: user, version: version, previous: previous,
            atMs: min(version, committed), action: action, reason: reason, session: session, status: status,
            userStatus: userStatus,
            address: address.isEmpty ? nil : String(percentEncoded: address.utf8),
            kicked: kicked.isEmpty
                ? [] : kicked.split(separator: ",").compactMap { try? SessionID(String($0)) },
            note: note.isEmpty ? nil : note,
            cause: Cause(request: RequestID(laterText(0)), trace: TraceParent(laterText(1))))
    }
}

extension Substring.UTF8View {
    fileprivate var decoded: Substring { Substring(self) }
}
