import JSON

extension ServerMessage: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .heartbeat: json.member("type", Kind.heartbeat.rawValue)
            case .heartbeatWanted:
                json.member("type", Kind.heartbeat.rawValue)
                json.member("wanted", true)
            case .unrecorded: json.member("type", Kind.unrecorded.rawValue)
            case .logout: json.member("type", Kind.logout.rawValue)
            case .welcome(let welcome):
                json.member("type", Kind.welcome.rawValue)
                json.member("session", welcome.session)
                json.member("version", welcome.version)
                json.member("heartbeat") {
                    $0.member("intervalSeconds", welcome.intervalSeconds)
                    $0.member("timeoutSeconds", welcome.timeoutSeconds)
                }
                json.member("resumed", welcome.isResumed)
            case .kicked(.session(let platform, let instance)):
                json.member("type", Kind.kicked.rawValue)
                json.member("by", "session")
                json.member("platform", platform)
                json.member("instance", instance)
            case .kicked(.operator(let reason)):
                json.member("type", Kind.kicked.rawValue)
                json.member("by", "operator")
                json.member("reason", ifPresent: reason)
            case .error(let problem):
                json.member("type", Kind.error.rawValue)
                json.member("code", problem.code.rawValue)
                json.member("detail", problem.detail)
                json.member("field", ifPresent: problem.field)
            case .unknown(let type): json.member("type", type)
            }
        }
    }
}

extension ServerMessage: JSONReadable {
    @usableFromInline
    package init(from json: inout JSONReader) throws(JSONError) {
        let type = try json.string(ofMember: "type")
        switch Kind(rawValue: type) {
        case .welcome: self = .welcome(try Welcome(from: &json))
        case .heartbeat: self = try json.isHeartbeatWanted() ? .heartbeatWanted : .heartbeat
        case .kicked: self = .kicked(by: try Kicker(from: &json))
        case .error: self = .error(try Problem(from: &json))
        case .unrecorded:
            self = .unrecorded
            try json.skip()
        case .logout:
            self = .logout
            try json.skip()
        case nil:
            self = .unknown(type: type)
            try json.skip()
        }
    }
}

extension JSONReader {
    fileprivate mutating func isHeartbeatWanted() throws(JSONError) -> Bool {
        var wanted: Bool?
        try beginObject()
        while let name = try nextMember() {
            if name == "wanted" { wanted = try boolOrNull() } else { try skip() }
        }
        return wanted ?? false
    }
}

extension ServerMessage.Welcome {
    fileprivate init(from json: inout JSONReader) throws(JSONError) {
        var (session, version, resumed, heartbeat): (String?, Int?, Bool?, Timing?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "session": session = try json.string()
            case "version": version = try json.int()
            case "resumed": resumed = try json.boolOrNull()
            case "heartbeat": heartbeat = try Timing(from: &json)
            default: try json.skip()
            }
        }
        let timing = try json.required(heartbeat, "heartbeat")
        self.init(
            session: try json.required(session, "session"), version: version ?? 0,
            intervalSeconds: timing.interval, timeoutSeconds: timing.timeout, isResumed: resumed ?? false)
    }

    private struct Timing {
        var interval: Double
        var timeout: Double

        init(from json: inout JSONReader) throws(JSONError) {
            var (interval, timeout): (Double?, Double?)
            try json.beginObject()
            while let name = try json.nextMember() {
                switch name {
                case "intervalSeconds": interval = try json.double()
                case "timeoutSeconds": timeout = try json.double()
                default: try json.skip()
                }
            }
            self.interval = try json.required(interval, "intervalSeconds")
            self.timeout = try json.required(timeout, "timeoutSeconds")
        }
    }
}

extension ServerMessage.Kicker {
    fileprivate init(from json: inout JSONReader) throws(JSONError) {
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
        if try json.required(by, "by") == "session" {
            self = .session(
                platform: try json.required(platform, "platform"), instance: try json.required(instance, "instance"))
        } else {
            self = .operator(reason: reason)
        }
    }
}

extension ServerMessage.Problem {
    fileprivate init(from json: inout JSONReader) throws(JSONError) {
        var (code, detail, field): (String?, String?, String?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "code": code = try json.string()
            case "detail": detail = try json.stringOrNull()
            case "field": field = try json.stringOrNull()
            default: try json.skip()
            }
        }
        self.init(
            ServerMessage.ErrorCode(rawValue: try json.required(code, "code")), detail: detail ?? "", field: field)
    }
}
