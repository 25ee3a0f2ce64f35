/// What can be called, by its path below `/v4/`. The codes for the same defect differ between services.
enum CompatibleCommand: String, Sendable, CaseIterable {
    case queryOnlineStatus = "openim/query_online_status"
    /// The older name of `queryOnlineStatus`.
    case queryState = "openim/querystate"
    case kick = "im_open_login_svc/kick"
    case accountCheck = "im_open_login_svc/account_check"

    private var isQuery: Bool { self == .queryOnlineStatus || self == .queryState }

    /// For a caller that is no administrator.
    var needsAdministrator: CompatibleCode { isQuery ? .queryNeedsAdministrator : .loginNeedsAdministrator }

    /// For a member of the body that is missing or not of its type.
    func unacceptable(_ field: String) -> CompatibleCode {
        guard isQuery else { return .loginParameter }
        return field.hasPrefix(CompatibleQueryRequest.accountsField) ? .queryAccounts : .queryBody
    }

    /// For what is not the caller's fault: worth another try.
    var failed: CompatibleCode { isQuery ? .queryFailed : .loginFailed }
}

/// The published codes this service answers with, besides those of a usersig (`UserSigError.Code`).
enum CompatibleCode: Int, Sendable, CaseIterable {
    case badRequest = 60002
    case notJSON = 60003
    case identifierMissing = 60004
    case userSigMissing = 60005
    case sdkAppIDUnknown = 60006
    case unknownCommand = 60009
    case sdkAppIDMissing = 60012

    case loginParameter = 70402
    case loginNeedsAdministrator = 70403
    case loginFailed = 70500

    case queryBody = 90001
    case queryAccounts = 90003
    case queryNeedsAdministrator = 90009
    case queryTooManyAccounts = 90011
    case queryFailed = 90992
}
