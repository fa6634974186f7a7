"""The vendor's error codes and texts, in one table.

Codes and Chinese texts of the action: https://cloud.tencent.com/document/api/867/50425 ; common codes:
https://cloud.tencent.com/document/api/867/44979 . Where only one language of a text is known, the other
is our translation; a client must never depend on a text.
"""

from enum import Enum, StrEnum


class Language(StrEnum):
    """A value of X-TC-Language; the vendor falls back to English."""

    ENGLISH = "en-US"
    CHINESE = "zh-CN"


class VendorError(Enum):
    """What can be wrong with a request: code, English text, Chinese text."""

    # Common to all actions, in the order in which they are looked for.
    UNSUPPORTED_PROTOCOL = (
        "UnsupportedProtocol",
        "The http(s) protocol of the request is not supported: send GET or POST.",
        "http(s) 请求协议错误，只支持 GET 和 POST 请求。",
    )
    UNSUPPORTED_CONTENT_TYPE = (
        "UnsupportedProtocol",
        "this action not support Content-Type=`{media_type}`.",
        "该接口不支持 Content-Type=`{media_type}`。",
    )
    REQUEST_TOO_LARGE = (
        "RequestSizeLimitExceeded",
        "The request size exceeds the limit of {limit} bytes.",
        "请求包超过限制大小（{limit} 字节）。",
    )
    TOO_LARGE_FOR_V1 = (
        "AuthFailure.SignatureFailure",
        (
            "The provided credentials could not be validated because of exceeding request size limit, "
            "please use new signature method `TC3-HMAC-SHA256`."
        ),
        "请求包超过签名方法 v1 的大小限制，请使用新的签名方法 `TC3-HMAC-SHA256`。",
    )
    BROKEN_QUERY = (
        "InvalidParameter",
        "Url key and value should be splited by `=`.",
        "请求参数的名称和值应以 `=` 分隔。",
    )
    MISSING = (
        "MissingParameter",
        "The request is missing a required parameter `{name}`.",
        "请求缺少必选参数 `{name}`。",
    )
    WRONG_TYPE = (
        "InvalidParameter",
        "The value type of parameter `{name}` is not valid.",
        "参数 `{name}` 的类型错误。",
    )
    MALFORMED_AUTHORIZATION = (
        "AuthFailure.InvalidAuthorization",
        "The request `Authorization` header does not conform to tencentcloud standards: {part} not valid.",
        "请求头部的 `Authorization` 不符合腾讯云标准：{part} 无效。",
    )
    EXPIRED = (
        "AuthFailure.SignatureExpire",
        "The signature is expired, please request again.",
        "签名过期。Timestamp 和服务器时间相差不得超过五分钟，请检查本地时间是否和标准时间同步。",
    )
    UNKNOWN_SECRET_ID = (
        "AuthFailure.SecretIdNotFound",
        "The SecretId is not found, please ensure that your SecretId is correct.",
        "密钥不存在。请在控制台检查密钥是否已被删除或者禁用，如状态正常，请检查密钥是否填写正确，注意前后不得有空格。",
    )
    WRONG_KIND_OF_KEY = (
        "AuthFailure.InvalidSecretId",
        "The SecretId is not a valid Cloud API key.",
        "密钥非法（不是云 API 密钥类型）。",
    )
    MFA_MISSING = (
        "AuthFailure.MFAFailure",
        "MFA failed.",
        "MFA 错误。",
    )
    WRONG_TOKEN = (
        "AuthFailure.TokenFailure",
        "Token verification failed, please check if your Token is correct.",
        "token 错误。",
    )
    WRONG_SIGNATURE = (
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated. Please check your signature is correct.",
        "请求签名验证失败，请检查您的签名计算是否正确。",
    )
    NO_SUCH_VERSION = (
        "NoSuchVersion",
        "The specified api version=`{version}` does not exist in service=`iai`.",
        "接口版本 `{version}` 在服务 `iai` 中不存在。",
    )
    INVALID_ACTION = (
        "InvalidAction",
        "The request `Action` is invalid or not found.",
        "接口不存在。",
    )
    UNSUPPORTED_REGION = (
        "UnsupportedRegion",
        "A value specified in `X-TC-Region` is not valid, is unsupported, or cannot be used.",
        "接口不支持所传地域。",
    )
    BLOCKED_ADDRESS = (
        "IpInBlacklist",
        "The IP address is in the blocklist.",
        "IP 地址在黑名单中。",
    )
    UNLISTED_ADDRESS = (
        "IpNotInWhitelist",
        "The IP address is not in the allowlist.",
        "IP 地址不在白名单中。",
    )
    UNAUTHORIZED = (
        "UnauthorizedOperation",
        (
            "[request id:{request_id}]you are not authorized to perform operation (iai:CompareMaskFace)\n"
            "resource (qcs::iai:{region}:uin/{uin}:*) has no permission\n"
        ),
        (
            "[request id:{request_id}]您无权执行操作 (iai:CompareMaskFace)\n"
            "资源 (qcs::iai:{region}:uin/{uin}:*) 没有权限\n"
        ),
    )
    UNAUTHORIZED_KEY = (
        "AuthFailure.UnauthorizedOperation",
        (
            "[request id:{request_id}]you are not authorized to perform operation (iai:CompareMaskFace)\n"
            "resource (qcs::iai:{region}:uin/{uin}:*) has no permission\n"
        ),
        (
            "[request id:{request_id}]请求未授权 (iai:CompareMaskFace)，请参考 CAM 文档对鉴权的说明。\n"
            "资源 (qcs::iai:{region}:uin/{uin}:*) 没有权限\n"
        ),
    )
    TOO_MANY_REQUESTS = (
        "RequestLimitExceeded",
        (
            "Your current request times equals to `{requests}` in a second, which exceeds the frequency "
            "limit `{limit}` for a second. Please reduce the frequency of calls."
        ),
        "您当前每秒请求 `{requests}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
    )
    TOO_MANY_OF_UIN = (
        "RequestLimitExceeded.UinLimitExceeded",
        (
            "Your current request times equals to `{requests}` in a second, which exceeds the frequency "
            "limit `{limit}` for a second. Please reduce the frequency of calls."
        ),
        "主账号限频：您当前每秒请求 `{requests}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
    )
    TOO_MANY_OF_IP = (
        "RequestLimitExceeded.IPLimitExceeded",
        (
            "Your current request times equals to `{requests}` in a second, which exceeds the frequency "
            "limit `{limit}` for a second. Please reduce the frequency of calls."
        ),
        "IP 限频：您当前每秒请求 `{requests}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
    )
    TOO_MANY_EVERYWHERE = (
        "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
        (
            "Your current request times equals to `{requests}` in a second, which exceeds the frequency "
            "limit `{limit}` for a second. Please reduce the frequency of calls."
        ),
        "主账号超过频率限制：您当前每秒请求 `{requests}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
    )

    # The account's state and balance.
    DELIVERING = (
        "ResourceUnavailable.Delivering",
        "The resource is being delivered.",
        "资源正在发货中。",
    )
    FROZEN = (
        "ResourceUnavailable.Freeze",
        "The account has been frozen.",
        "账号已被冻结。",
    )
    IN_ARREARS = (
        "ResourceUnavailable.InArrears",
        "The account is in arrears.",
        "账号已欠费。",
    )
    LOW_BALANCE = (
        "ResourceUnavailable.LowBalance",
        "The balance is insufficient.",
        "余额不足。",
    )
    NOT_ACTIVATED = (
        "ResourceUnavailable.NotExist",
        "The billing status is unknown. Please check whether the service is activated in the console.",
        "计费状态未知，请确认是否已在控制台开通服务。",
    )
    NOT_READY = (
        "ResourceUnavailable.NotReady",
        "The service is not activated.",
        "服务未开通。",
    )
    RECLAIMED = (
        "ResourceUnavailable.Recover",
        "The resource has been reclaimed.",
        "资源已被回收。",
    )
    STOPPED = (
        "ResourceUnavailable.StopUsing",
        "The service of the account has been stopped.",
        "账号已停服。",
    )
    UNKNOWN_STATUS = (
        "ResourceUnavailable.UnknownStatus",
        "The billing status is unknown.",
        "计费状态未知。",
    )
    NO_AUTH_INFO = (
        "ResourceUnavailable.GetAuthInfoError",
        "Failed to obtain the authentication information.",
        "获取认证信息失败。",
    )
    CHARGE_EXCEPTION = (
        "ResourceUnavailable.ChargeStatusException",
        "The billing status of the account is in arrears.",
        "账号已欠费。",
    )
    CHARGE_SOLD_OUT = (
        "ResourcesSoldOut.ChargeStatusException",
        "The billing status is abnormal.",
        "计费状态异常。",
    )

    # Of the content.
    NOT_JSON = (
        "InvalidParameter",
        "The content of the request is not valid JSON, as Content-Type=application/json requires.",
        "对于指定content-type=application/json协议下，请求内容不是合法的Json格式。",
    )
    UNKNOWN_PARAMETER = (
        "UnknownParameter",
        "The parameter `{name}` is not recognized.",
        "未知参数 `{name}`。",
    )

    # Of this action, in the order in which they are looked for.
    WRONG_MODEL_VERSION = (
        "InvalidParameterValue.FaceModelVersionIllegal",
        "The algorithm model version is invalid.",
        "算法模型版本不合法。",
    )
    WRONG_QUALITY_CONTROL = (
        "InvalidParameterValue.QualityControlIllegal",
        "The `QualityControl` parameter is invalid.",
        "QualityControl参数不合法。",
    )
    NO_IMAGE_GIVEN = (
        "MissingParameter.ErrorParameterEmpty",
        "A required parameter is empty.",
        "必选参数为空。",
    )
    WRONG_URL = (
        "InvalidParameterValue.UrlIllegal",
        "The URL format is invalid.",
        "URL格式不合法。",
    )
    EMPTY_IMAGE = (
        "InvalidParameterValue.ImageEmpty",
        "The image is empty.",
        "图片为空。",
    )
    TOO_MANY_BYTES = (
        "FailedOperation.ImageSizeExceed",
        "The base64-encoded image cannot exceed 5 MB.",
        "base64编码后的图片数据大小不超过5M。",
    )
    DOWNLOAD_FAILED = (
        "FailedOperation.ImageDownloadError",
        "Failed to download the image.",
        "图片下载错误。",
    )
    UNDECODABLE = (
        "FailedOperation.ImageDecodeFailed",
        "Failed to decode the image.",
        "图片解码失败。",
    )
    TOO_MANY_PIXELS = (
        "FailedOperation.ImageResolutionExceed",
        "The image resolution is too high.",
        "图片分辨率过大。",
    )
    TOO_FEW_PIXELS = (
        "FailedOperation.ImageResolutionTooSmall",
        "The short side of the image is smaller than 64 pixels.",
        "图片短边分辨率小于64。",
    )
    NO_FACE = (
        "InvalidParameterValue.NoFaceInPhoto",
        "There is no face in the image.",
        "图片中没有人脸。",
    )
    POOR_QUALITY = (
        "FailedOperation.FaceQualityNotQualified",
        "The quality of the face image does not meet the requirement.",
        "人脸图片质量不符要求。",
    )

    # The vendor's own failures.
    RPC_FAILED = (
        "FailedOperation.RpcFail",
        "The RPC call failed.",
        "Rpc调用失败。",
    )
    INTERNAL = (
        "InternalError",
        "Internal error.",
        "内部错误。",
    )

    @property
    def code(self) -> str:
        """Return the vendor's code."""
        return self.value[0]

    def text(self, language: Language) -> str:
        """Return the vendor's text, with `{places}` still to be filled."""
        return self.value[2] if language is Language.CHINESE else self.value[1]
