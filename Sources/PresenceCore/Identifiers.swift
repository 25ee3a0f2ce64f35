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
        guard (1...Self.bytesMax).contains(raw.utf8.count), raw.utf8.allSatisfy(\.isInstanceByte) else {
            throw InvalidInput(field: field, message: "must be 1 to \(Self.bytesMax) of A-Z a-z 0-9 . _ -")
        }
        rawValue = raw
    }

    private init(unchecked raw: String) { rawValue = raw }
}

/// Names one login of a session. Random, made by the worker that serves the login, compared for
/// equality only: an operation of an older generation never touches a newer one.
package struct Generation: Hashable, Sendable, CustomStringConvertible {
    package static let bytesMax = 32

    package let rawValue: String
    package var description: String { rawValue }

    package init(_ raw: String, field: String = "session") throws(InvalidInput) {
        guard (1...Self.bytesMax).contains(raw.utf8.count), raw.utf8.allSatisfy(\.isAlphanumeric) else {
            throw InvalidInput(field: field, message: "is not a session this service gave out")
        }
        rawValue = raw
    }

    private init(unchecked raw: String) { rawValue = raw }

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
    package let platform: Platform
    package let instance: InstanceID
    package let generation: Generation

    package init(platform: Platform, instance: InstanceID, generation: Generation) {
        self.platform = platform
        self.instance = instance
        self.generation = generation
    }

    package init(_ raw: String, field: String = "session") throws(InvalidInput) {
        guard let (platform, rest) = raw[...].splitAtColon, let (instance, generation) = rest.splitAtColon else {
            throw InvalidInput(field: field, message: "must be the `session` a login answered with")
        }
        self.platform = try Platform(String(platform), field: field)
        self.instance = try InstanceID(String(instance), field: field)
        self.generation = try Generation(String(generation), field: field)
    }

    /// The device without the login: `<platform>:<instance>`, the name of its field in the user's record.
    package var device: String { "\(platform):\(instance)" }

    package var description: String { "\(platform):\(instance):\(generation)" }
}

extension Substring {
    /// What stands before and behind the first colon.
    fileprivate var splitAtColon: (Substring, Substring)? {
        guard let colon = utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return (Substring(utf8[..<colon]), Substring(utf8[utf8.index(after: colon)...]))
    }
}

extension String {
    /// C0, DEL and C1 (in UTF-8: C2 80 to C2 9F): what breaks logs, terminals and headers.
    package var containsControlCharacter: Bool {
        var before: UInt8 = 0
        for byte in utf8 {
            if byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte < 0xA0) { return true }
            before = byte
        }
        return false
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
