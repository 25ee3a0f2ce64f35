import Foundation
import UserSig

@testable import PresenceAPI

/// Calls of the compatible API by an administrator of an app.
enum CompatibleCall {
    static let key = UserSigKey(sdkAppID: 1_400_000_000, secretKey: "a-key-of-the-app")
    static let options = APIOptions(app: CompatibleApp(key: key, admins: ["administrator"]))

    static func query() -> String {
        let userSig = key.issue(to: "administrator", issuedAt: Int(Date().timeIntervalSince1970), lifetime: 3_600)
        return "sdkappid=\(key.sdkAppID)&identifier=administrator&usersig=\(userSig)"
    }
}
