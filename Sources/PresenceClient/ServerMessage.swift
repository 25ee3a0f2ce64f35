import JSON

/// A message of the gateway.
enum ServerMessage: Equatable {
    case welcome(session: String, resumed: Bool, heartbeatInterval: Duration)
    /// Acknowledges a heartbeat, or asks for one.
    case heartbeat(wanted: Bool)
    /// The service could not ask its Redis to record a heartbeat: no acknowledgement, and a sign of life.
    case unrecorded
    case logout
    case kicked(PresenceClient.Event.Kicker)
    case error(code: String, detail: String)
    /// Of a newer service.
    case unknown
}

extension ServerMessage: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        switch try json.string(ofMember: "type") {
        case "welcome": try self.init(welcome: &json)
        case "heartbeat": try self.init(heartbeat: &json)
        case "kicked": try self.init(kicked: &json)
        case "error": try self.init(error: &json)
        case "unrecorded":
            self = .unrecorded
            try json.skip()
        case "logout":
            self = .logout
            try json.skip()
        default:
            self = .unknown
            try json.skip()
        }
    }

    private init(welcome json: inout JSONReader) throws(JSONError) {
        var (session, resumed, heartbeat): (String?, Bool?, Heartbeat?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "session": session = try json.string()
            case "resumed": resumed = try json.boolOrNull()
            case "heartbeat": heartbeat = try Heartbeat(from: &json)
            default: try json.skip()
            }
        }
        self = .welcome(
            session: try json.required(session, "session"), resumed: resumed ?? false,
            heartbeatInterval: try json.required(heartbeat, "heartbeat").interval)
    }

    private struct Heartbeat: JSONReadable {
        var interval: Duration

        init(from json: inout JSONReader) throws(JSONError) {
            var seconds: Double?
            try json.beginObject()
            while let name = try json.nextMember() {
                if name == "intervalSeconds" { seconds = try json.double() } else { try json.skip() }
            }
            let bounds = ClientLimits.heartbeatIntervalSeconds
            interval = .seconds(
                min(max(try json.required(seconds, "intervalSeconds"), bounds.lowerBound), bounds.upperBound))
        }
    }

    private init(heartbeat json: inout JSONReader) throws(JSONError) {
        var wanted: Bool?
        try json.beginObject()
        while let name = try json.nextMember() {
            if name == "wanted" { wanted = try json.boolOrNull() } else { try json.skip() }
        }
        self = .heartbeat(wanted: wanted ?? false)
    }

    private init(kicked json: inout JSONReader) throws(JSONError) {
        var (by, platform, instance, reason): (String?, String?, String?, String?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "by": by = try json.string()
            case "platform": platform = try json.stringOrNull()
            case "instance": instance = try json.stringOrNull()
            case "reason": reason = try json.stringOrNull()
            default: try json.skip()
            }
        }
        guard try json.required(by, "by") == "session" else {
            self = .kicked(.operator(reason: reason))
            return
        }
        self = .kicked(
            .session(
                platform: try json.required(platform, "platform"), instance: try json.required(instance, "instance")))
    }

    private init(error json: inout JSONReader) throws(JSONError) {
        var (code, detail): (String?, String?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "code": code = try json.string()
            case "detail": detail = try json.stringOrNull()
            default: try json.skip()
            }
        }
        self = .error(code: try json.required(code, "code"), detail: detail ?? "")
    }
}
