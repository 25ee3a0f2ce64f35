import JSON
import PresenceCore

// What backends of the compatible API get.

/// A user's status, under both names it had over the years. Detail is left out for a user who is Offline: a
/// widely used client cannot read it there.
struct CompatibleStatus: JSONWritable {
    var presence: UserPresence
    var withDetail: Bool

    func write(to json: inout JSONWriter) {
        let status = presence.status
        json.object {
            $0.member("To_Account", presence.user.rawValue)
            $0.member("Status", status.rawValue)
            $0.member("State", status.rawValue)
            $0.member("Detail", ifPresent: withDetail && status != .offline ? presence.compatibleDetail : nil)
        }
    }
}

/// One platform of a user.
struct CompatiblePlatformStatus: JSONWritable, Equatable {
    var platform: String
    var status: Status

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("Platform", platform)
            $0.member("Status", status.rawValue)
        }
    }
}

extension UserPresence {
    /// The platforms in the order of their first login; sessions whose platforms have one name are one entry with
    /// the greatest of their statuses.
    var compatibleDetail: [CompatiblePlatformStatus] {
        sessions.reduce(into: []) { detail, session in
            let name = session.id.platform.compatibleName
            if let index = detail.firstIndex(where: { $0.platform == name }) {
                detail[index].status = max(detail[index].status, session.status)
            } else {
                detail.append(CompatiblePlatformStatus(platform: name, status: session.status))
            }
        }
    }
}

extension Platform {
    /// The platform in the words of Detail; one it has no word for keeps its name.
    fileprivate var compatibleName: String {
        switch self {
        case .windows, .linux: "PC"
        case .miniProgram: "Web"
        default: name
        }
    }
}

/// An id of a query without an answer: it can name no user, or its record cannot be read.
struct CompatibleFailedAccount: JSONWritable {
    var account: String
    var code: CompatibleCode

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("To_Account", account)
            $0.member("ErrorCode", code.rawValue)
        }
    }
}

/// The answer about one account that was checked.
struct CompatibleAccount: JSONWritable {
    var id: String

    func write(to json: inout JSONWriter) {
        let refusal: String
        do {
            _ = try UserID(id)
            refusal = ""
        } catch {
            refusal = "The UserID \(error.message)."
        }
        let isValid = refusal.isEmpty
        json.object {
            $0.member("UserID", id)
            $0.member("ResultCode", isValid ? 0 : CompatibleCode.loginParameter.rawValue)
            $0.member("ResultInfo", refusal)
            $0.member("AccountStatus", isValid ? "Imported" : "NotImported")
        }
    }
}
