# Installation: the library, its headers, and the files by which CMake and pkg-config find them. The installed tree may
# be moved as a whole.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/wengert")

install(TARGETS wengert EXPORT wengertTargets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
    INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
if(TARGET wengert_command)
    install(TARGETS wengert_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    if(BUILD_SHARED_LIBS)
        # The program finds the library wherever the tree is moved.
        file(RELATIVE_PATH from_bin "/prefix/${CMAKE_INSTALL_BINDIR}" "/prefix/${CMAKE_INSTALL_LIBDIR}")
        if(APPLE)
            set_target_properties(wengert_command PROPERTIES INSTALL_RPATH "@loader_path/${from_bin}")
        else()
            set_target_properties(wengert_command PROPERTIES INSTALL_RPATH "$ORIGIN/${from_bin}")
        endif()
    endif()
endif()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# A static library hands on what it needs of the system: libm, and threads.
if(WENGERT_PTHREAD AND NOT BUILD_SHARED_LIBS)
    set(package_needs_threads ON)
else()
    set(package_needs_threads OFF)
endif()

# find_package(wengert). Before 1.0 a minor version may change the interface, so 0.1 does not stand in for 0.2.
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/wengertConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/cmake/wengertConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/wengertConfigVersion.cmake"
    VERSION "${PROJECT_VERSION}" COMPATIBILITY SameMinorVersion)
install(EXPORT wengertTargets NAMESPACE wengert:: DESTINATION "${package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/cmake/wengertConfig.cmake" "${PROJECT_BINARY_DIR}/cmake/wengertConfigVersion.cmake"
    DESTINATION "${package_dir}")

# pkg-config. The prefix is written relative to the file itself, unless the library directory lies outside of it.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(kind LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
        set(pc_${kind} "${CMAKE_INSTALL_${kind}}")
    else()
        set(pc_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
    endif()
endforeach()
set(pc_system " -lm")
if(WENGERT_PTHREAD)
    string(APPEND pc_system " -pthread")
endif()
if(BUILD_SHARED_LIBS)
    set(pc_cflags " -DWG_SHARED")
    set(pc_libs "")
else()
    set(pc_cflags "")
    set(pc_libs "${pc_system}") # with a static library alone, `pkg-config --libs` without --static must do
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/wengert.pc.in" "${PROJECT_BINARY_DIR}/cmake/wengert.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cmake/wengert.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
