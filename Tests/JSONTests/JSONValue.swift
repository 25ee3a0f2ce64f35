import JSON

/// Any JSON value, as a model of the texts under test.
enum JSONValue: Equatable {
    case null
    case bool(Bool)
    case int(Int)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// Members stay in the order written.
    struct Member: Equatable {
        var name: String
        var value: JSONValue
    }
}

extension JSONValue: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        switch try json.nextKind() {
        case .null:
            _ = try json.null()
            self = .null
        case .bool: self = .bool(try json.bool())
        case .number: self = .int(try json.int())
        case .string: self = .string(try json.string())
        case .array: self = .array(try json.array(of: JSONValue.self))
        case .object:
            var members: [Member] = []
            try json.beginObject()
            while let name = try json.nextMember() {
                members.append(Member(name: name, value: try JSONValue(from: &json)))
            }
            self = .object(members)
        }
    }
}

extension JSONValue: JSONWritable {
    func write(to json: inout JSONWriter) {
        switch self {
        case .null: json.literal("null")
        case .bool(let bool): bool.write(to: &json)
        case .int(let int): int.write(to: &json)
        case .string(let text): text.write(to: &json)
        case .array(let elements): elements.write(to: &json)
        case .object(let members):
            json.object { json in
                for member in members { json.member(member.name, member.value) }
            }
        }
    }
}

extension JSONValue {
    /// A value at most `depth` deep, of names and texts that a writer or reader could trip over.
    static func random(depth: Int, using generator: inout some RandomNumberGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2: return .int(.random(in: .min ... .max, using: &generator))
        case 3: return .int(.random(in: -10...10, using: &generator))
        case 4: return .string(text(using: &generator))
        case 5, 6:
            return .array(
                (0..<Int.random(in: 0...4, using: &generator)).map { _ in random(depth: depth - 1, using: &generator) })
        default:
            var members: [Member] = []
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                let name = text(using: &generator)
                guard !members.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { continue }
                members.append(Member(name: name, value: random(depth: depth - 1, using: &generator)))
            }
            return .object(members)
        }
    }

    private static let scalars: [ClosedRange<UInt32>] = [
        0...0x1F, 0x20...0x7F, 0x20...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF,
    ]

    private static func text(using generator: inout some RandomNumberGenerator) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            let range = scalars.randomElement(using: &generator) ?? 0...0x7F
            text.append(Unicode.Scalar(UInt32.random(in: range, using: &generator)) ?? "?")
        }
        return String(text)
    }
}
