import CZlib
import Foundation
import UserSig

/// A published example of the format, and ways to write others.
enum Vector {
    static let secret = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
    static let sdkAppID = 1_400_000_000
    static let identifier = "xiaojun"
    static let time = 1_700_000_000
    static let expire = 15_552_000
    static let lastSecond = 1_715_552_000
    static let sig = "LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4="
    static let deflated = """
        eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFFzNPXF\
        mekgG3zKHM1T9D3LzdODi-OKs8vCqpxcAvydnV2SSv2cy03cPcpDnA2SMgu0nUxslWoBHdYzUg__
        """
    static let stored = """
        eAEBrABT-3siVExTLnZlciI6IjIuMCIsIlRMUy5pZGVudGlmaWVyIjoieGlhb2p1biIsIlRMUy5zZGthcHBpZCI6MTQwMDAwMDAwMCwi\
        VExTLmV4cGlyZSI6MTU1NTIwMDAsIlRMUy50aW1lIjoxNzAwMDAwMDAwLCJUTFMuc2lnIjoiTHZBN2QvSXc3Z1NzbnNrdlZ6QkRQT0NDRGJ1\
        TkN3NEdId1RDMGJpcCtCND0ifQrfwzH8
        """

    static let key = UserSigKey(sdkAppID: sdkAppID, secretKey: secret)
    static let claims = UserSig(identifier: identifier, sdkAppID: sdkAppID, issuedAt: time, lifetime: expire)

    /// The code a text is refused with; nil if it counts.
    static func refusal(
        _ text: String, of identifier: String = identifier, at now: Int = time, by key: UserSigKey = key
    ) -> UserSigError.Code? {
        do {
            _ = try key.verify(text, of: identifier, at: now)
            return nil
        } catch {
            return error.code
        }
    }

    /// Any JSON as a client would wrap it.
    static func wrapped(_ json: String, level: Int32 = 6) -> String {
        base64(deflate(Array(json.utf8), level: level))
    }

    static func base64(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString()
            .replacing("+", with: "*").replacing("/", with: "-").replacing("=", with: "_")
    }

    static func deflate(_ bytes: [UInt8], level: Int32) -> [UInt8] {
        var length = compressBound(uLong(bytes.count))
        var deflated = [UInt8](repeating: 0, count: Int(length))
        precondition(compress2(&deflated, &length, bytes, uLong(bytes.count), level) == Z_OK)
        return Array(deflated.prefix(Int(length)))
    }
}
