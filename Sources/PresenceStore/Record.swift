import PresenceCore

/// A session's record as text: `status=PushOnline generation=k3J9 login=1763712345678 changed=1763712346000
/// worker=a1 link=17 attempt=x9.1 address=10.0.0.7 network=wifi version=8.1`. `changed` stands there only where the login
/// was not the last change. Values are percent-encoded where they hold white space, control characters, `%` or `=`; the
/// scripts write the first four, the worker the rest.
enum Record {
    /// What a client told when it came, the worker it came to, and its socket there if it has one.
    static func details(_ details: ClientDetails, worker: String, link: Link?, attempt: Attempt? = nil) -> String {
        var text = "worker=\(encode(worker))"
        if let link { text += " link=\(link)" }
        if let attempt { text += " attempt=\(attempt)" }
        if let address = details.address { text += " address=\(encode(address))" }
        if let network = details.network { text += " network=\(encode(network))" }
        if let version = details.version { text += " version=\(encode(version))" }
        return text
    }

    /// Reads the record of `device`; nil if it is none this service wrote.
    static func session(device: String, record: String) -> Session? {
        var (fields, record) = (Fields(device: device), record)
        let isWhole = record.withUTF8 { fields.read($0) }
        guard isWhole, let id = fields.id, let status = fields.status, let login = fields.login,
            let details = try? ClientDetails(
                address: fields.address, network: fields.network, version: fields.version)
        else { return nil }
        return Session(
            id: id, status: status, loginAtMs: login, changedAtMs: fields.changed ?? login, details: details,
            worker: fields.worker)
    }

    /// What of a record a session is made from, read in one pass.
    private struct Fields {
        typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

        let device: String
        var status: Status?
        var id: SessionID?
        var login: Int?
        var changed: Int?
        var worker = ""
        var address: String?
        var network: String?
        var version: String?

        init(device: String) { self.device = device }

        /// - Returns: whether all of it is `name=value`.
        mutating func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
            var start = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: UInt8(ascii: " ")) ?? bytes.count
                if end > start {
                    guard let equals = bytes[start..<end].firstIndex(of: UInt8(ascii: "=")) else { return false }
                    set(bytes[start..<equals], bytes[(equals + 1)..<end])
                }
                start = end + 1
            }
            return true
        }

        private func session(_ generation: Bytes) -> String {
            let bytes = device.utf8.count + 1 + generation.count
            return String(unsafeUninitializedCapacity: bytes) { text in
                var end = text.update(fromContentsOf: device.utf8)
                text[end] = UInt8(ascii: ":")
                end = text[(end + 1)...].update(fromContentsOf: generation)
                return end
            }
        }

        /// Names are told apart by their lengths and first letters before they are compared.
        private mutating func set(_ name: Bytes, _ value: Bytes) {
            func isNamed(_ text: StaticString) -> Bool {
                text.utf8CodeUnitCount == name.count && text.withUTF8Buffer { $0.elementsEqual(name) }
            }
            func text() -> String { String(decoding: value, as: UTF8.self) }
            func decoded() -> String? { String(percentEncoded: value) }
            switch (name.count, name.first) {
            case (6, UInt8(ascii: "s")) where isNamed("status"): status = Status(rawValue: text())
            case (10, _) where isNamed("generation"): id = try? SessionID(session(value))
            case (5, _) where isNamed("login"): login = Int(text())
            case (7, UInt8(ascii: "c")) where isNamed("changed"): changed = Int(text())
            case (6, UInt8(ascii: "w")) where isNamed("worker"): worker = decoded() ?? ""
            case (7, UInt8(ascii: "a")) where isNamed("address"): address = decoded()
            case (7, UInt8(ascii: "n")) where isNamed("network"): network = decoded()
            case (7, UInt8(ascii: "v")) where isNamed("version"): version = decoded()
            default: break
            }
        }
    }

    /// Which session's timer the record of `device` has, and where it stands; nil if it is none this service wrote.
    static func timer(device: String, record: String) -> (id: SessionID, status: Status)? {
        let bytes = record.utf8
        guard let status = value(of: "status=", in: bytes).flatMap({ Status(rawValue: String($0)) }),
            let generation = value(of: " generation=", in: bytes),
            let id = try? SessionID("\(device):\(generation)")
        else { return nil }
        return (id, status)
    }

    /// Scripts write these first, so that they are found soon.
    private static func value(of name: StaticString, in bytes: String.UTF8View) -> Substring? {
        var rest = bytes[...]
        let first = name.utf8Start.pointee
        while let at = rest.firstIndex(of: first) {
            rest = rest[at...]
            let isName = name.withUTF8Buffer { rest.starts(with: $0) }
            if isName {
                let value = rest.dropFirst(name.utf8CodeUnitCount)
                return Substring(value.prefix { $0 != UInt8(ascii: " ") })
            }
            rest = rest.dropFirst()
        }
        return nil
    }

    static func encode(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if byte <= 0x20 || byte == 0x7F || byte == UInt8(ascii: "%") || byte == UInt8(ascii: "=") {
                let hex = Array("0123456789ABCDEF".utf8)
                bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// nil if `encode` did not make it: what a client told of itself is not worth losing its session for.
    static func decode(_ text: Substring) -> String? { String(percentEncoded: text.utf8) }
}
