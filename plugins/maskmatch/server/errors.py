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


class Mistake(Enum):
    """What can be wrong with a request: code, English text, Chinese text."""

    # Common to all actions, in the order in which they are looked for.
    UNSUPPORTED_PROTOCOL = (
        "UnsupportedProtocol",
        "The http(s) protocol of the request is not supported: send POST, Content-Type=`application/json`.",
        "http(s) 请求协议错误，只支持 POST 请求和 Content-Type=`application/json`。",
    )
    REQUEST_TOO_LARGE = (
        "RequestSizeLimitExceeded",
        "The request size exceeds the limit of {limit} bytes.",
        "请求包超过限制大小（{limit} 字节）。",
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
    WRONG_TOKEN = (
        "AuthFailure.TokenFailure",
        "The token is not valid: the SecretId does not belong to a temporary credential.",
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
    TOO_MANY_REQUESTS = (
        "RequestLimitExceeded",
        (
            "Your current request times equals to `{requests}` in a second, which exceeds the frequency "
            "limit `{limit}` for a second. Please reduce the frequency of calls."
        ),
        "您当前每秒请求 `{requests}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
    )
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

    # Ours.
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


class ServiceError(Exception):
    """Report a mistake to the caller; `details` fill the places in its text."""

    def __init__(self, mistake: Mistake, **details: str | int) -> None:
        super().__init__(mistake.code)
        self.mistake = mistake
        self.details = details

    @property
    def code(self) -> str:
        """Return the vendor's code."""
        return self.mistake.code

    def message(self, language: Language) -> str:
        """Return the whole text for the caller."""
        return self.mistake.text(language).format(**self.details)
