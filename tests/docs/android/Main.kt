import android.content.Context
import android.content.res.AssetManager
import android.graphics.Bitmap
import java.io.File

/** FILE WIDTH: raw RGBA to the network's pixels in FILE.out, then one judgement. */
fun main(args: Array<String>) {
    val raw = File(args[0]).readBytes().map { it.toInt() and 0xff }
    val colours = raw.chunked(4) { (red, green, blue, alpha) ->
        (alpha shl 24) or (red shl 16) or (green shl 8) or blue
    }
    val bitmap = Bitmap(args[1].toInt(), colours.toIntArray())
    val pixels = pixelsOf(bitmap, 224)
    File("${args[0]}.out").writeBytes(ByteArray(pixels.remaining()).also { pixels.get(it) })
    val context = object : Context() {
        override fun getAssets() = AssetManager()
    }
    val result = DeepfakeDetector(context).use { it.judge(bitmap) }
    println("${result.pFake} ${result.heatmap.size} ${result.heatmap[6][6]}")
}
