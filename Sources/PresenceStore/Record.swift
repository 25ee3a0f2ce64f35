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
        guard let colon = device.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        var status: Status?
        var generation: Generation?
        var login: Int?
        var changed: Int?
        var worker = ""
        var address: String?
        var network: String?
        var version: String?
        for pair in record.utf8.split(separator: UInt8(ascii: " ")) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let value = Substring(pair[pair.index(after: equals)...])
            switch Substring(pair[..<equals]) {
            case "status": status = Status(rawValue: String(value))
            case "generation": generation = try? Generation(String(value))
            case "login": login = Int(value)
            case "changed": changed = Int(value)
            case "worker": worker = decode(value) ?? ""
            case "address": address = decode(value)
            case "network": network = decode(value)
            case "version": version = decode(value)
            default: break
            }
        }
        guard let status, let generation, let login,
            let platform = try? Platform(String(device[..<colon])),
            let instance = try? InstanceID(String(device[colon...].dropFirst())),
            let details = try? ClientDetails(address: address, network: network, version: version)
        else { return nil }
        return Session(
            id: SessionID(platform: platform, instance: instance, generation: generation), status: status,
            loginAtMs: login, changedAtMs: changed ?? login, details: details, worker: worker)
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
    static func decode(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        return String(percentEncoded: text.utf8)
    }
}
