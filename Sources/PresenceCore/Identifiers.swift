/// The app's own id of a user: 1-128 bytes of UTF-8 without control characters. Two ids are the same if their
/// bytes are, as Redis sees it; Swift's strings would also take two spellings of one accent for the same.
package struct UserID: Hashable, Sendable, CustomStringConvertible {
    package static let bytesMax = 128

    package let rawValue: String
    package var description: String { rawValue }

    package init(_ raw: String, field: String = "user") throws(InvalidInput) {
        guard (1...Self.bytesMax).contains(raw.utf8.count) else {
            throw InvalidInput(field: field, message: "must be 1 to \(Self.bytesMax) bytes of UTF-8")
        }
        guard !raw.containsControlCharacter else {
            throw InvalidInput(field: field, message: "must not contain control characters")
        }
        rawValue = raw
    }

    /// An id like any other.
    package static let example = UserID(unchecked: "alice")

    private init(unchecked raw: String) { rawValue = raw }

    package static func == (left: UserID, right: UserID) -> Bool {
        left.rawValue.utf8.elementsEqual(right.rawValue.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(rawValue.utf8.count)
        rawValue.utf8.withContiguousStorageIfAvailable { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// A device's own, stable id: 1-64 of `[A-Za-z0-9._-]`.
package struct InstanceID: Hashable, Sendable, CustomStringConvertible {
    package static let bytesMax = 64
    /// What an app that does not tell its devices apart gets.
    package static let unnamed = InstanceID(unchecked: "default")

    package let rawValue: String
    package var description: String { rawValue }

    package init(_ raw: String, field: String = "instance") throws(InvalidInput) {
        guard Self.isValid(raw.utf8) else { throw Self.invalid(field) }
        rawValue = raw
    }

    fileprivate init(unchecked raw: String) { rawValue = raw }

    fileprivate static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        1...bytesMax ~= bytes.count && bytes.allSatisfy(\.isInstanceByte)
    }

    fileprivate static func invalid(_ field: String) -> InvalidInput {
        InvalidInput(field: field, message: "must be 1 to \(bytesMax) of A-Z a-z 0-9 . _ -")
    }
}

/// Names one login of a session. Random, made by the worker that serves the login, compared for
/// equality only: an operation of an older generation never touches a newer one.
package struct Generation: Hashable, Sendable, CustomStringConvertible {
    package static let bytesMax = 32

    package let rawValue: String
    package var description: String { rawValue }

    package init(_ raw: String, field: String = "session") throws(InvalidInput) {
        guard Self.isValid(raw.utf8) else { throw Self.invalid(field) }
        rawValue = raw
    }

    fileprivate init(unchecked raw: String) { rawValue = raw }

    fileprivate static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        1...bytesMax ~= bytes.count && bytes.allSatisfy(\.isAlphanumeric)
    }

    fileprivate static func invalid(_ field: String) -> InvalidInput {
        InvalidInput(field: field, message: "is not a session this service gave out")
    }

    package static func random() -> Generation { Generation(unchecked: randomText()) }
}

/// Names one operation, so that a repeat of it after a lost reply is known as a repeat. Random, made by who calls the
/// store. A login is named by the generation it makes.
package struct OperationID: Hashable, Sendable {
    package let rawValue: String

    package init(_ login: Generation) { rawValue = login.rawValue }

    private init(unchecked raw: String) { rawValue = raw }

    package static func random() -> OperationID { OperationID(unchecked: randomText()) }
}

/// 20 characters of `[A-Za-z0-9]`, about 119 random bits.
private func randomText() -> String {
    var generator = SystemRandomNumberGenerator()
    let letters = (0..<20).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
    return String(decoding: letters, as: UTF8.self)
}

private let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

/// One login of one device, written `<platform>:<instance>:<generation>`.
package struct SessionID: Hashable, Sendable, CustomStringConvertible {
    /// Kept as it is written: most sessions come as this text and leave as it.
    package let description: String
    /// Where the first colon of the text stands, and the second.
    private let colons: (UInt8, UInt8)

    package init(platform: Platform, instance: InstanceID, generation: Generation) {
        description = "\(platform):\(instance):\(generation)"
        let first = platform.name.utf8.count
        colons = (UInt8(first), UInt8(first + 1 + instance.rawValue.utf8.count))
    }

    package init(_ raw: String, field: String = "session") throws(InvalidInput) {
        var (text, colons) = (raw, (UInt8(0), UInt8(0)))
        let flaw = text.withUTF8 { bytes -> InvalidInput? in
            let colon = UInt8(ascii: ":")
            guard let first = bytes.firstIndex(of: colon), let second = bytes[(first + 1)...].firstIndex(of: colon)
            else { return InvalidInput(field: field, message: "must be the `session` a login answered with") }
            guard Platform.isValid(bytes[..<first]) else { return Platform.invalid(field) }
            guard InstanceID.isValid(bytes[(first + 1)..<second]) else { return InstanceID.invalid(field) }
            guard Generation.isValid(bytes[(second + 1)...]) else { return Generation.invalid(field) }
            colons = (UInt8(first), UInt8(second))
            return nil
        }
        if let flaw { throw flaw }
        (description, self.colons) = (text, colons)
    }

    package var platform: Platform { Platform(unchecked: text(0, colons.0)) }
    package var instance: InstanceID { InstanceID(unchecked: text(colons.0 + 1, colons.1)) }
    package var generation: Generation {
        Generation(unchecked: text(colons.1 + 1, UInt8(description.utf8.count)))
    }

    /// The device without the login: `<platform>:<instance>`, the name of its field in the user's record.
    package var device: String { text(0, colons.1) }

    private func text(_ begin: UInt8, _ end: UInt8) -> String {
        let bytes = description.utf8
        let begin = bytes.index(bytes.startIndex, offsetBy: Int(begin))
        return String(description[begin..<bytes.index(bytes.startIndex, offsetBy: Int(end))])
    }

    package static func == (left: SessionID, right: SessionID) -> Bool { left.description == right.description }

    package func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

extension String {
    /// C0, DEL and C1 (in UTF-8: C2 80 to C2 9F): what breaks logs, terminals and headers.
    package var containsControlCharacter: Bool {
        var text = self
        return text.withUTF8 { bytes in
            var before: UInt8 = 0
            for byte in bytes {
                if byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte < 0xA0) { return true }
                before = byte
            }
            return false
        }
    }
}

extension UInt8 {
    package var isAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }

    var isInstanceByte: Bool {
        isAlphanumeric || self == UInt8(ascii: ".") || self == UInt8(ascii: "_") || self == UInt8(ascii: "-")
    }
}
